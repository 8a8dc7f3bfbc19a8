"""A client of HTTP/2 with prior knowledge, on the h2 package, with the windows in the hands of the test."""

import json
import socket
import time

import h2.config
import h2.connection
import h2.events
from h2.connection import ConnectionInputs, ConnectionState

from .waiting import patience


class Stream:
    """One request and what has come of its answer."""

    def __init__(self, number):
        self.number = number
        self.informed = []
        self.status = None
        self.headers = {}
        self.body = b''
        self.ended = False
        self.error = None  # of the RST_STREAM

    @property
    def over(self):
        return self.ended or self.error is not None

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return '<%s %r %r ended=%s error=%s>' % (self.status, self.headers, self.body[:200], self.ended, self.error)


class Http2:
    def __init__(self, port, timeout=30.0):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding='utf-8'))
        # The package takes GOAWAY for the end of everything; streams in progress go on (RFC 9113 6.8).
        open_, goaway = ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY
        machine = self.h2.state_machine
        machine._transitions = {**machine._transitions, (open_, goaway): (None, open_)}
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 24)
        self.streams = {}
        self.goaway = None  # its error code
        self.closed = False
        self.flush()

    def close(self):
        self.socket.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def start(self, method, path, body=None, headers=(), end=True):
        """Sends a request, of its body what the windows allow; send() sends more."""
        fields = [(':method', method), (':scheme', 'http'), (':authority', 'x'), (':path', path), *headers]
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, fields, end_stream=end and not body)
        self.flush()
        stream = self.streams[number] = Stream(number)
        if body:
            self.send(stream, body, end)
        return stream

    def send(self, stream, body, end=True):
        body = memoryview(body.encode() if isinstance(body, str) else body)
        while body and not stream.over:
            room = min(self.h2.local_flow_control_window(stream.number), self.h2.max_outbound_frame_size)
            if room <= 0:
                self.receive()
                continue
            self.h2.send_data(stream.number, body[:room].tobytes(), end_stream=end and room >= len(body))
            body = body[room:]
            self.flush()

    def reset(self, stream, error=8):
        self.h2.reset_stream(stream.number, error)
        self.flush()

    def receive(self):
        """Takes what has come; waits for it."""
        data = self.socket.recv(1 << 16)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self.on(event)
        self.flush()

    def on(self, event):
        stream = self.streams.get(getattr(event, 'stream_id', None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.informed.append(int(dict(event.headers)[':status']))
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.status = int(stream.headers.pop(':status'))
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.error = event.error_code

    def until(self, condition, what='it', timeout=None):
        limit = time.monotonic() + (patience(10) if timeout is None else timeout)
        while not condition():
            assert not self.closed, 'the connection ended before ' + what
            assert time.monotonic() < limit, 'waited in vain for ' + what
            self.receive()

    def finish(self, *streams):
        self.until(lambda: all(s.over for s in streams), 'the answers')
        return streams[0] if len(streams) == 1 else streams

    def request(self, method, path, body=None, headers=()):
        return self.finish(self.start(method, path, body, headers))

    def until_end(self):
        while not self.closed:
            self.receive()
