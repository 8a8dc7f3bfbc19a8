"""HTTP as ordinary clients speak it, on http.client."""

import http.client
import json
import time


class Answer:
    """An answer that was read to its end, or to where it broke (`complete` is False)."""

    def __init__(self, response, begin):
        self.status = response.status
        self.reason = response.reason
        self.headers = {}
        for name, value in response.getheaders():
            name = name.lower()
            self.headers[name] = self.headers[name] + ', ' + value if name in self.headers else value
        self.body = b''
        self.complete = False
        self.begin = begin
        self.first_byte = time.monotonic() - begin
        self.took = None

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        """Of the error envelope; the plain text where there is none."""
        try:
            return self.json['error']['message']
        except (ValueError, KeyError, TypeError):
            return self.text

    @property
    def events(self):
        """The payloads of the `data:` lines."""
        return [line[5:].strip() for line in self.text.splitlines() if line.startswith('data:')]

    def __repr__(self):
        return '<%s in %s s, %s %r>' % (
            self.status,
            self.took and round(self.took, 3),
            'complete' if self.complete else 'BROKEN',
            self.text[:400],
        )


class Stream:
    """A request whose answer is read piece by piece."""

    def __init__(self, port, method, path, body=None, headers=None, timeout=60.0):
        self.begin = time.monotonic()
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault('Content-Type', 'application/json')
        self.connection.request(method, path, body, headers)
        self.sock = self.connection.sock
        self.response = None
        self.answer = None

    def head(self):
        if self.answer is None:
            self.response = self.connection.getresponse()
            self.answer = Answer(self.response, self.begin)
        return self.answer

    def read_some(self):
        """The next piece, b'' at the end. Raises http.client.HTTPException or OSError where the answer breaks."""
        self.head()
        data = self.response.read1(65536)
        self.answer.body += data
        return data

    def read_until(self, text, timeout=30.0):
        """Read on until `text` has come."""
        end = time.monotonic() + timeout
        text = text if isinstance(text, bytes) else text.encode()
        self.head()
        while text not in self.answer.body:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            assert self.read_some(), 'ended before %r: %r' % (text, self.answer)
        return self.answer

    def finish(self):
        """Read to the end, whole or broken, and close. Raises only if not even a head comes."""
        try:
            answer = self.head()
            while self.read_some():
                pass
            # read1 takes the end of the connection for the end of the answer
            answer.complete = self.response.length in (None, 0)
        except (http.client.IncompleteRead, ConnectionResetError):
            if self.answer is None:
                raise
        finally:
            self.close()
        answer.took = time.monotonic() - self.begin
        return answer

    def close(self):
        self.connection.close()
        if self.response is not None:
            self.response.close()


def request(port, method, path, body=None, headers=None, timeout=60.0):
    return Stream(port, method, path, body, headers, timeout).finish()
