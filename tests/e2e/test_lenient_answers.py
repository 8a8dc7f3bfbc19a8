"""Model servers that speak careless HTTP are understood; what clients get is careful HTTP."""

import pytest

from harness import wire
from harness.daemon import CHAT

BODY = '{"model":"a"}'


@pytest.fixture(scope='module')
def daemon(shared_lab):
    return shared_lab.daemon({'a': ''})


def answer(daemon, fake, version='HTTP/1.1'):
    """Read by the strict reader, on a connection that must stay usable."""
    with daemon.wire() as w:
        w.send(wire.post(CHAT, BODY, ['Content-Length: 13', 'X-Fake: ' + fake], version))
        reply = w.reply()
        if version == 'HTTP/1.1':
            w.send(wire.get('/health'))
            assert w.reply().body == b'OK'
        return reply


@pytest.mark.parametrize(
    'oddity',
    [
        'bare-status',
        'no-reason',
        'bare-lf',
        'bare-lf,bare-status',
        'odd-headers',
        'http10',
        'eof',
        'http10,eof',
        'chunk-ext',
        'chunked',
        'trailers',
        'early',
        'close',
        'slow-head:5ms',
    ],
)
@pytest.mark.parametrize('shape', ['bytes:100', 'events:3'])
def test_understood(daemon, oddity, shape):
    reply = answer(daemon, '%s,%s' % (shape, oddity))
    assert reply.status == 200 and reply.headers['x-fake-tag'] == 'a'
    if shape == 'bytes:100':
        assert reply.body == (b'0123456789abcdef' * 7)[:100]
    else:
        assert reply.body.count(b'data: ') == 4 and reply.body.endswith(b'[DONE]\n\n')
    assert 'keep-alive' not in reply.headers and reply.headers.get('connection', '') != 'close'


@pytest.mark.parametrize('status', [200, 201, 204, 304, 400, 404, 418, 500, 503, 599])
def test_any_status_passes(daemon, status):
    size = 0 if status in (204, 304) else 3
    reply = answer(daemon, 'status:%d,bytes:%d' % (status, size))
    assert reply.status == status and len(reply.body) == size


def test_redirects_pass(daemon):
    reply = answer(daemon, 'status:302,bytes:0,header:Location=/elsewhere')
    assert reply.status == 302 and reply.headers['location'] == '/elsewhere'


def test_early_hints_and_trailers_pass(daemon):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, BODY, ['Content-Length: 13', 'TE: trailers', 'X-Fake: early,trailers,bytes:5']))
        first = w.head()
        assert (first.status, first.headers) == (103, {'link': '</x.css>; rel=preload'})
        reply = w.reply()
        assert reply.body == b'01234' and reply.trailers == {'x-sum': '42'}


def test_repeated_headers_pass(daemon):
    reply = answer(daemon, 'bytes:1,header:Set-Cookie=a=1,header:Set-Cookie=b=2')
    assert reply.headers['set-cookie'] == 'a=1, b=2'


def test_hop_by_hop_headers_do_not(daemon):
    reply = answer(daemon, 'bytes:1,header:Keep-Alive=timeout=5,header:Proxy-Connection=x,header:X-Kept=1')
    assert 'keep-alive' not in reply.headers and 'proxy-connection' not in reply.headers
    assert reply.headers['x-kept'] == '1'


def test_until_eof_to_an_old_client(daemon):
    assert answer(daemon, 'bytes:100,eof', 'HTTP/1.0').body == (b'0123456789abcdef' * 7)[:100]


@pytest.mark.parametrize('framing', ['', ',chunked'])
@pytest.mark.parametrize('ending', ['cut', 'reset'])
def test_truncation_stays_visible(daemon, framing, ending):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, BODY, ['Content-Length: 13', 'X-Fake: bytes:1000,%s%s' % (ending, framing)]))
        with pytest.raises(wire.Closed):
            w.reply()


def test_event_streams_are_not_to_be_buffered(daemon):
    assert answer(daemon, 'events:1').headers['x-accel-buffering'] == 'no'
    assert 'x-accel-buffering' not in answer(daemon, 'bytes:1').headers
