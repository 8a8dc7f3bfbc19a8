"""A server that says exactly what a test wants, bytes and time, and whose listen queue can be full."""

import socket
import struct
import threading

from .waiting import patience, until


class Request:
    def __init__(self, head, body):
        first, *lines = head.decode('latin-1').split('\r\n')
        self.method, self.target, _ = first.split(' ')
        self.headers = [tuple(line.split(': ', 1)) for line in lines]
        self.body = body

    def header(self, name):
        return next((value for n, value in self.headers if n.lower() == name.lower()), None)


class Peer:
    """One accepted connection."""

    def __init__(self, accepted):
        self.socket = accepted
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(patience(10))
        self.buffer = bytearray()

    def request(self, with_body=True):
        """The next one, None where the other side has closed. Without its body, that stays unread."""
        head = self.take_until(b'\r\n\r\n')
        if head is None:
            return None
        request = Request(head, b'')
        length = int(request.header('Content-Length') or 0)
        if with_body and length:
            while len(self.buffer) < length:
                if not self.fill():
                    return None
            request.body = self.take(length)
        return request

    def take_until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                return None
        data = self.take(self.buffer.index(mark) + len(mark))
        return data[: -len(mark)]

    def take(self, size):
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def fill(self, size=65536):
        try:
            data = self.socket.recv(size)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def send(self, data, step=None):
        """False when the other side has closed. With a step: in pieces of that many bytes."""
        try:
            for i in range(0, len(data), step or len(data)):
                self.socket.sendall(data[i : i + (step or len(data))])
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def answer(self, body=b'ok'):
        return self.send(whole(body))

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads
        except OSError:
            pass
        self.socket.close()


def whole(body):
    """The bytes of an answer."""
    return b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body


class Origin:
    """Made by Lab.origin(). Connections are taken one by one with accept(), or all by a function with serve()."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        self.peers = []

    def model(self, **settings):
        """The settings of a model that is this server."""
        proxy = 'http://127.0.0.1:%d' % self.port
        return {'cmd': 'sleep infinity', 'proxy': proxy, 'checkEndpoint': 'none', **settings}

    def accept(self):
        self.listener.settimeout(patience(10))
        while True:
            accepted, address = self.listener.accept()
            self.peers.append(Peer(accepted))
            if address not in [filler.getsockname() for filler in self.fillers]:
                return self.peers[-1]

    def serve(self, function):
        """From now on `function(peer)` runs for each connection, in a thread of its own."""
        threading.Thread(target=self.serve_all, args=(function,), daemon=True).start()

    def serve_all(self, function):
        while True:
            try:
                peer = self.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(function, peer), daemon=True).start()

    @staticmethod
    def serve_one(function, peer):
        try:
            function(peer)
        except OSError:
            pass
        peer.close()

    # the listen queue
    def fill_queue(self):
        """From now on connecting neither succeeds nor fails."""
        self.listener.listen(0)
        self.fillers.append(socket.create_connection(('127.0.0.1', self.port)))
        until(self.queue_is_full)

    def queue_is_full(self):
        # Of a listening socket, tcpi_unacked and tcpi_sacked are the length of the queue and its limit.
        length, limit = struct.unpack_from('II', self.listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)
        return length > limit

    def free_queue(self):
        """Connections that are being made succeed when the kernel tries again, in a second or two."""
        self.listener.listen(128)

    def connecting(self):
        """How many connections to here are being made."""
        with open('/proc/net/tcp') as table:
            rows = [line.split() for line in table]
        return sum(row[2] == '0100007F:%04X' % self.port and row[3] == '02' for row in rows)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.listener.close()
        for thing in self.fillers + self.peers:
            thing.close()
