"""HTTP/1.x as odd but honest clients speak it."""

import json

import pytest

from harness import wire
from harness.daemon import CHAT
from harness.waiting import patience

BODY = '{"model":"a"}'


@pytest.fixture
def daemon(lab):
    daemon = lab.daemon({'a': ''}, maxRequestBody=1 << 20)
    daemon.served_by('a')
    return daemon


def test_http10_client_gets_no_chunks(daemon):
    request = wire.post(CHAT, BODY, ['Content-Length: 13', 'X-Fake: events:3'], version='HTTP/1.0')
    said = daemon.talk(request)
    head, body = said.split(b'\r\n\r\n', 1)
    assert b' 200 ' in head.split(b'\r\n')[0] and b'transfer-encoding' not in head.lower()
    assert body.startswith(b'data: {"n":0,') and body.endswith(b'data: [DONE]\n\n')


@pytest.mark.parametrize(
    'name, lines, status',
    [
        ('long', ['X: ' + 'y' * 60000], 200),
        ('too long', ['X: ' + 'y' * 66000], 431),
        ('many', ['X: y'] * 990, 200),
        ('too many', ['X: y'] * 1001, 431),
    ],
)
def test_large_heads(daemon, name, lines, status):
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/x', [*lines, 'X-Fake: bytes:3']))
        assert w.reply().status == status


def test_http10_without_host_and_with_a_length(daemon):
    said = daemon.talk(b'GET /health HTTP/1.0\r\n\r\n')
    assert said.endswith(b'\r\n\r\nOK') and b'content-length: 2' in said.lower()


def test_http10_keep_alive(daemon):
    with daemon.wire() as w:
        for _ in range(2):
            w.send(b'GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
            reply = w.reply()
            assert reply.body == b'OK' and reply.headers['connection'].lower() == 'keep-alive'


def test_http10_broken_stream_is_not_to_be_told_but_ends(daemon):
    request = wire.post(CHAT, BODY, ['Content-Length: 13', 'X-Fake: events:3,cut'], version='HTTP/1.0')
    assert b'[DONE]' not in daemon.talk(request)


def test_keep_alive_and_close(daemon):
    with daemon.wire() as w:
        for _ in range(3):
            w.send(wire.get('/health'))
            assert w.reply().body == b'OK'
        w.send(wire.get('/health', ['Connection: close']))
        reply = w.reply()
        assert reply.headers['connection'].lower() == 'close' and w.rest(5) == b''


def test_pipelined(daemon):
    first = wire.post(CHAT, BODY, ['Content-Length: 13', 'X-Fake: hold:200ms,bytes:5'])
    with daemon.wire() as w:
        w.send(first + wire.get('/health') + wire.get('/nowhere') + first + wire.get('/running', ['Connection: close']))
        assert [w.reply().body[:5] for _ in range(4)] == [b'01234', b'OK', b'404 p', b'01234']
        assert w.reply().body.startswith(b'{"running":[{')
        assert w.rest(5) == b''


def test_pipelined_behind_an_error(daemon):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '{"model":"nobody"}') + wire.get('/health'))
        assert w.reply().status == 404
        assert w.reply().body == b'OK'


def test_expect_continue(daemon):
    body = '{"model":"a","x":"' + 'y' * 10000 + '"}'
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '', ['Content-Length: %d' % len(body), 'Expect: 100-continue', 'X-Fake: echo']))
        first = w.head()
        assert (first.status, first.headers) == (100, {})
        w.send(body)
        final = w.head()  # and no second 100
        assert final.status == 200


def test_expect_continue_with_the_body_already_there(daemon):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, BODY, ['Content-Length: 13', 'Expect: 100-continue', 'X-Fake: echo']))
        assert b'"tag":"a"' in w.reply().body


def test_expectation_does_not_reach_the_model(daemon):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, BODY, ['Content-Length: 13', 'Expect: 100-continue', 'X-Fake: echo']))
        assert b'"Expect"' not in w.reply().body


@pytest.mark.parametrize('sizes', [[13], [1] * 13, [5, 8], [12, 1]])
def test_chunked_body(daemon, sizes):
    body, at = b'', 0
    for size in sizes:
        body += b'%x\r\n%s\r\n' % (size, BODY[at : at + size].encode())
        at += size
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '', ['Transfer-Encoding: chunked', 'X-Fake: echo']))
        for i in range(0, len(body), 7):
            w.send(body[i : i + 7])
        w.send(b'0\r\n\r\n' + wire.get('/health'))
        echo = w.reply()
        assert b'"body":"{\\"model\\":\\"a\\"}"' in echo.body
        assert b'"chunked":false' in echo.body and b'["Content-Length","13"]' in echo.body
        assert w.reply().body == b'OK'


def test_large_body_arrives_as_it_was_sent(lab, daemon):
    text = '{"model":"a","x":"%s"}' % ('0123456789' * 80000)
    for headers in (['Content-Length: %d' % len(text)], ['Transfer-Encoding: chunked']):
        body = text if headers[0].startswith('C') else '%x\r\n%s\r\n0\r\n\r\n' % (len(text), text)
        with daemon.wire() as w:
            w.send(wire.post(CHAT, body, headers))
            assert w.reply().status == 200
        assert lab.records('a', 'request')[-1]['body_size'] == len(text)
    assert len({r['body_fnv'] for r in lab.records('a', 'request')[-2:]}) == 1


@pytest.mark.parametrize('expect', [[], ['Expect: 100-continue']])
def test_body_over_the_limit_by_its_length(daemon, expect):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '', ['Content-Length: %d' % ((1 << 20) + 1), *expect]))
        reply = w.head()
        assert reply.status == 413, reply


def test_body_over_the_limit_in_chunks(lab, daemon):
    before = len(lab.records('a', 'request'))
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '', ['Transfer-Encoding: chunked']))
        for _ in range(20):
            if not w.send(b'10000\r\n' + b' ' * 65536 + b'\r\n'):
                break
        assert w.reply().status == 413
    assert len(lab.records('a', 'request')) == before


LIMIT = 1000


@pytest.mark.parametrize(
    'headers, body',
    [
        (['Content-Length: %d' % (LIMIT + 1)], b''),
        (['Content-Length: %d' % (LIMIT + 1)], b' ' * (LIMIT + 1)),
        (['Content-Length: %d' % (LIMIT + 1), 'Expect: 100-continue'], b''),
        (['Content-Length: %d' % (1 << 26)], b''),
        (['Transfer-Encoding: chunked'], b'%x\r\n' % (LIMIT + 1) + b' ' * (LIMIT + 1) + b'\r\n0\r\n\r\n'),
    ],
)
def test_body_over_the_limit_ends_the_connection(lab, headers, body):
    daemon = lab.daemon({'a': ''}, maxRequestBody=LIMIT)
    with daemon.wire() as w:
        w.send(wire.post(CHAT, body, headers))
        w.send(wire.get('/health'))
        reply = w.reply()
        assert reply.status == 413 and reply.headers.get('connection', '').lower() == 'close', reply
        assert w.rest(patience(2)) == b''


def test_limit_is_the_largest_allowed(daemon):
    body = '{"model":"a"}'.ljust(1 << 20)
    with daemon.wire() as w:
        w.send(wire.post(CHAT, body))
        assert w.reply().status == 200


def test_upgrade_to_http2_in_clear_is_ignored(daemon):
    """What the JDK's client and curl --http2 send with every POST."""
    with daemon.wire() as w:
        w.send(
            wire.post(
                CHAT,
                BODY,
                [
                    'Content-Length: 13',
                    'Connection: Upgrade, HTTP2-Settings',
                    'Upgrade: h2c',
                    'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
                    'X-Fake: echo',
                ],
            )
        )
        reply = w.reply()
        assert reply.status == 200 and b'h2c' not in reply.body and b'HTTP2-Settings' not in reply.body


def test_blank_lines_before_a_request(daemon):
    with daemon.wire() as w:
        w.send(b'\r\n' + wire.get('/health'))
        assert w.reply().body == b'OK'


def test_head_requests_have_no_body(daemon):
    with daemon.wire() as w:
        w.send(b'HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n' + wire.get('/health'))
        assert w.reply('HEAD').status == 200
        assert w.reply().body == b'OK'


def test_absolute_target(daemon):
    with daemon.wire() as w:
        w.send(b'GET http://x/health HTTP/1.1\r\nHost: x\r\n\r\n')
        assert w.reply().body == b'OK'


@pytest.mark.parametrize('host', ['example.org:8080', 'other'])
def test_authority_of_an_absolute_target_is_the_host(daemon, host):
    """RFC 9112 3.2.2: whatever the Host field says."""
    with daemon.wire() as w:
        w.send('GET http://example.org:8080/upstream/a/x?q=1 HTTP/1.1\r\nHost: %s\r\nX-Fake: echo\r\n\r\n' % host)
        echo = json.loads(w.reply().body)
        assert (echo['path'], echo['query']) == ('/x', 'q=1')
        assert [value for name, value in echo['headers'] if name.lower() == 'host'] == ['example.org:8080']
