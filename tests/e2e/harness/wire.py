"""HTTP by hand: bytes out, bytes in, a strict reader of answers. For everything a well-behaved client cannot say."""

import socket
import time


class Reply:
    def __init__(self, status, headers, reason=''):
        self.status = status
        self.reason = reason
        self.headers = headers  # lower-case name -> value, repeated ones joined by ", "
        self.body = b''
        self.trailers = {}

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    def __repr__(self):
        return '<%s %r %r>' % (self.status, self.headers, self.body[:200])


class Closed(Exception):
    """The other side ended the connection in the middle of something."""


class Wire:
    """One TCP connection."""

    def __init__(self, port, timeout=30.0):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """False when the other side has closed."""
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode('latin-1'))
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b''
        if not data:
            raise Closed()
        self.buffer += data

    def line(self):
        while b'\n' not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b'\n', 1)
        assert line.endswith(b'\r'), 'answer line without CR: %r' % line
        return line[:-1].decode('latin-1')

    def fields(self):
        headers = {}
        while True:
            line = self.line()
            if not line:
                return headers
            name, value = line.split(':', 1)
            name = name.lower()
            headers[name] = headers[name] + ', ' + value.strip() if name in headers else value.strip()

    def exactly(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        """The next head, 1xx ones included."""
        version, status, reason = (self.line() + ' ').split(' ', 2)
        assert version in ('HTTP/1.1', 'HTTP/1.0'), version
        return Reply(int(status), self.fields(), reason.strip())

    def reply(self, method='GET'):
        """The next final answer with its body. Closed if it does not come, or not whole."""
        reply = self.head()
        while 100 <= reply.status < 200 and reply.status != 101:
            reply = self.head()
        if method == 'HEAD' or reply.status in (101, 204, 304):
            return reply
        if 'transfer-encoding' in reply.headers:
            assert reply.headers['transfer-encoding'] == 'chunked' and 'content-length' not in reply.headers
            while True:
                size = int(self.line().split(';')[0], 16)
                if size == 0:
                    reply.trailers = self.fields()
                    return reply
                reply.body += self.exactly(size)
                assert self.exactly(2) == b'\r\n'
        if 'content-length' in reply.headers:
            reply.body = self.exactly(int(reply.headers['content-length']))
            return reply
        reply.body = self.rest()
        return reply

    def rest(self, limit=None):
        """Everything until the other side closes; fails if it does not within `limit` seconds (default: timeout)."""
        if limit is not None:
            self.socket.settimeout(limit)
        data, self.buffer = self.buffer, b''
        while True:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b''
            except TimeoutError:
                raise AssertionError('the connection stays open; so far %r' % data[-300:])
            if not more:
                return data
            data += more


def talk(port, data, timeout=10.0, end=False):
    """Send `data`, read until the server closes."""
    with Wire(port, timeout) as wire:
        wire.send(data)
        if end:
            wire.end_sending()
        return wire.rest()


def post(path, body, headers=(), version='HTTP/1.1', host='x'):
    """The bytes of a request with a body."""
    body = body if isinstance(body, bytes) else body.encode()
    lines = ['POST %s %s' % (path, version), 'Host: ' + host, 'Content-Type: application/json']
    lines += list(headers) or ['Content-Length: %d' % len(body)]
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


def get(path, headers=(), version='HTTP/1.1'):
    return '\r\n'.join(['GET %s %s' % (path, version), 'Host: x', *headers]).encode('latin-1') + b'\r\n\r\n'


def refused(port):
    """Whether nobody listens there."""
    try:
        socket.create_connection(('127.0.0.1', port), timeout=2).close()
        return False
    except OSError:
        return True


def trickle(wire, data, gap, step=1):
    """Send a few bytes at a time."""
    for i in range(0, len(data), step):
        if not wire.send(data[i : i + step]):
            return False
        time.sleep(gap)
    return True
