"""Clients that send too much, too little, too slowly, or anything at all: the daemon stays small and keeps serving."""

import os
import socket
import threading
import time

import pytest

from harness import wire
from harness.daemon import CHAT, Daemon
from harness.waiting import Stopwatch, patience, until

MIB = 1 << 20


@pytest.fixture
def daemon(lab):
    daemon = lab.daemon({'a': ''})
    daemon.served_by('a')
    return daemon


def send_until_refused(daemon, pieces, limit):
    """Send pieces until the other side has had enough; (bytes sent, what it said)."""
    sent = 0
    with wire.Wire(daemon.port, timeout=10) as w:
        for piece in pieces:
            if sent >= limit or not w.send(piece):
                break
            sent += len(piece)
        try:
            said = w.rest(5)
        except AssertionError:
            said = None  # it waits for more
    return sent, said


def still_fine(daemon, memory_before, more=16 * 1024):
    daemon.served_by('a')
    assert daemon.memory_kib() < memory_before + more


@pytest.mark.parametrize(
    'head',
    [
        b'',
        b'G',
        b'GET /health HT',
        b'GET /health HTTP/1.1\r\n',
        b'GET /health HTTP/1.1\r\nHost: x\r\n',
        b'GET /health HTTP/1.1\r\nHost: x\r\n\r',
    ],
)
@pytest.mark.parametrize('how', ['close', 'half', 'reset'])
def test_truncated_head(daemon, head, how):
    before = daemon.descriptors()
    for _ in range(20):
        w = wire.Wire(daemon.port)
        w.send(head)
        if how == 'half':
            w.end_sending()
            said = w.rest(5)
            assert said == b'' or said.startswith(b'HTTP/1.1 400 '), said
        if how == 'reset':
            w.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\x01\0\0\0\0\0\0\0')
        w.close()
    until(lambda: daemon.descriptors() <= before, patience(1), 'the connections to be forgotten')
    daemon.served_by('a')


def test_truncated_body(lab, daemon):
    before = len(lab.records('a', 'request'))
    for body in (b'', b'{"model":"a"'):
        request = wire.post(CHAT, body, ['Content-Length: 1000'])
        said = daemon.talk(request, end=True)
        assert said == b'' or b' 400 ' in said.split(b'\r\n')[0], said
    for tail in (b'', b'5', b'5\r\n{"mo', b'5\r\n{"mod\r\n', b'0\r\n'):
        said = daemon.talk(wire.post(CHAT, tail, ['Transfer-Encoding: chunked']), end=True)
        assert said == b'' or b' 400 ' in said.split(b'\r\n')[0], said
    assert len(lab.records('a', 'request')) == before, 'half a request reached the model'


@pytest.mark.parametrize('what', ['one endless line', 'one endless target', 'endless headers'])
def test_hundred_megabytes_of_head(daemon, what):
    memory = daemon.memory_kib()

    def pieces():
        yield b'GET /' if what == 'one endless target' else b'GET /health HTTP/1.1\r\nHost: x\r\n'
        if what == 'one endless line':
            yield b'X-Long: '
        while True:
            yield (b'X-Many: abcdefgh\r\n' if what == 'endless headers' else b'abcdefghijklmnopqr') * 3640

    sent, said = send_until_refused(daemon, pieces(), 100 * MIB)
    assert sent < 16 * MIB, 'took %d MiB of a head' % (sent // MIB)
    assert said is not None and (
        said == b'' or said.startswith((b'HTTP/1.1 431 ', b'HTTP/1.1 414 ', b'HTTP/1.1 400 '))
    ), said
    still_fine(daemon, memory)


def test_ten_thousand_headers(daemon):
    watch = Stopwatch()
    head = b'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' + b'X-N: 1\r\n' * 10000 + b'\r\n'
    said = daemon.talk(head)
    assert said.startswith((b'HTTP/1.1 200 ', b'HTTP/1.1 431 ')), said[:100]
    assert watch.seconds < patience(0.5)
    daemon.served_by('a')


def test_slow_sender_is_served_and_holds_up_nobody(daemon):
    with daemon.wire() as w:
        slow = threading.Thread(
            target=wire.trickle,
            args=(w, wire.post(CHAT, '{"model":"a"}', ['Content-Length: 13', 'X-Fake: echo']), 0.01),
        )
        slow.start()
        for _ in range(10):
            assert daemon.chat('a').took < patience(0.1)
        slow.join()
        assert b'"tag":"a"' in w.reply().body


def test_many_slow_senders(daemon):
    memory = daemon.memory_kib()
    wires = [daemon.wire() for _ in range(200)]
    for w in wires:
        w.send(b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-')
    for _ in range(5):
        assert daemon.chat('a').took < patience(0.1)
    still_fine(daemon, memory)
    before = daemon.descriptors()
    for w in wires:
        w.close()
    until(lambda: daemon.descriptors() <= before - 200, patience(1))


def test_client_that_does_not_read(daemon):
    """An endless answer to somebody who takes nothing costs no memory."""
    memory = daemon.memory_kib()
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '{"model":"a"}', ['Content-Length: 13', 'X-Fake: bytes:1GB,chunked']))
        time.sleep(1)
        assert daemon.memory_kib() < memory + 16 * 1024
        assert daemon.chat('a').took < patience(0.1)


@pytest.mark.parametrize(
    'first', [b'', b'GET / HTTP/1.1\r\n', b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: ']
)
def test_a_gigabyte_of_garbage(daemon, first):
    memory = daemon.memory_kib()
    noise = os.urandom(MIB)

    def pieces():
        yield first
        while True:
            yield noise

    sent, _ = send_until_refused(daemon, pieces(), 1024 * MIB)
    assert sent < 64 * MIB, 'took %d MiB of garbage' % (sent // MIB)
    still_fine(daemon, memory)


def test_everything_it_said_so_far_is_valid_text(daemon):
    """Whatever a client sends, /logs and errors stay UTF-8 and one line per event."""
    daemon.talk(
        b'GET /\xff\xfe%0A[ERROR]%20forged%00 HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\r\nConnection: close\r\n\r\n'
    )
    log = daemon.get('/logs').body.decode('utf-8')
    assert not any(line.startswith('[ERROR] forged') for line in log.splitlines())
    assert '\0' not in log


def chat_with(daemon: Daemon, body):
    return daemon.post(CHAT, body, headers={'Content-Type': 'application/json'})


@pytest.mark.parametrize('value', ['null', '""', 'missing'])
def test_no_model(daemon, value):
    answer = chat_with(daemon, b'{"x":1}' if value == 'missing' else ('{"model":%s}' % value).encode())
    assert answer.status == 404 and answer.message == 'no model id could be identified'


@pytest.mark.parametrize(
    'value',
    [
        b'[]',
        b'["a"]',
        b'{}',
        b'{"a":"a"}',
        b'false',
        b'1.5',
        b'-1e400',
        b'"\\ud800"',
        b'"\xff\xfe"',
        b'"\\u0000"',
        b'"a\x00"',
        b'" a"',
        b'"A"',
        b'"a\\n"',
        b'"' + b'x' * 100000 + b'"',
    ],
)
def test_wrong_models(daemon, value):
    answer = chat_with(daemon, b'{"model":' + value + b'}')
    assert answer.status == 404 and answer.complete, answer
    assert answer.json['src'] == 'llama-swap' and answer.json['error']['code'] == 'not_found'
    assert answer.headers['content-type'] == 'application/json'
    daemon.served_by('a')


@pytest.mark.parametrize(
    'body',
    [b'', b'{', b'[', b'"model"', b'null', b'{"model"', b'{"model":', b'\x00' * 100, b'[' * 100000, b'{"a":' * 100000],
)
def test_broken_json_without_a_model(daemon, body):
    assert chat_with(daemon, body).status == 404


@pytest.mark.parametrize(
    'body',
    [
        b'{"model":"a"',
        b'{"model":"a",',
        b'{"model":"a","x":}',
        b'{"model":"\\u0061"}',
        b' \t\r\n{ "model" : "a" } trailing',
        b'{"x":{"model":"b"},"model":"a","model":"b"}',
    ],
)
def test_lenient_json(daemon, body):
    answer = daemon.post(CHAT, body, headers={'Content-Type': 'application/json', 'X-Fake': 'echo'})
    assert answer.status == 200 and answer.json['tag'] == 'a'
    assert answer.json['body'].encode('latin-1') == body, 'the body was changed on the way'


def test_number_as_a_name(lab):
    daemon = lab.daemon({'123': ''})
    answer = daemon.post(CHAT, b'{"model":123}', headers={'Content-Type': 'application/json', 'X-Fake': 'echo'})
    assert answer.status == 200 and answer.json['tag'] == '123'
