"""A request over a raw socket, with times: for what takes milliseconds Python is good enough."""
import json
import socket
import time


class Answer:
    """sent, first: Unix times of sending and of the first byte; status; body (not decoded)."""

    def __init__(self, sent, first, data):
        self.sent, self.first = sent, first
        head, _, self.body = data.partition(b'\r\n\r\n')
        self.status = int(head.split(b' ', 2)[1]) if head else 0


def chat(port, model, timeout=20):
    """Posts a small chat request and reads the answer to its end. OSError if nobody listens."""
    body = json.dumps({'model': model, 'messages': [{'role': 'user', 'content': 'hello'}]}).encode()
    head = ('POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n'
            'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n' % (port, len(body)))
    with socket.create_connection(('127.0.0.1', port), timeout) as connection:
        sent = time.time()
        connection.sendall(head.encode() + body)
        data = connection.recv(65536)
        first = time.time()
        while piece := connection.recv(65536):
            data += piece
    return Answer(sent, first, data)


def retry(port, call, limit=20):
    """call(), repeated while the connection is refused. TimeoutError after `limit` s."""
    end = time.time() + limit
    while True:
        try:
            return call()
        except ConnectionRefusedError:
            if time.time() > end:
                raise TimeoutError('nobody listens on port %d' % port) from None
            time.sleep(0.0003)


def first_answer(port, model):
    """Waits for a listener and then for a good answer through it."""
    answer = retry(port, lambda: chat(port, model))
    if answer.status != 200:
        text = answer.body[:200].decode(errors='replace')
        raise RuntimeError('status %d: %s' % (answer.status, text))
    return answer


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]
