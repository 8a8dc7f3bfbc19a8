"""What reaches the model, what comes back, and what happens when either side breaks off."""

import json
import time

import pytest

from harness import wire
from harness.daemon import CHAT
from harness.waiting import Stopwatch, patience, until


@pytest.fixture
def daemon(lab):
    daemon = lab.daemon({'a': '', 'b': ''})
    daemon.served_by('a')
    return daemon


def headers(echo):
    return {name.lower(): value for name, value in echo['headers']}


def test_headers_of_the_request(daemon):
    echo = daemon.served_by(
        'a',
        headers={
            'Connection': 'X-Drop, close',
            'X-Drop': '1',
            'Keep-Alive': '5',
            'Proxy-Connection': 'x',
            'TE': 'trailers',
            'Proxy-Authorization': 'x',
            'X-Keep': '2',
            'Authorization': 'Bearer k',
            'x-api-key': 'k',
            'Host': 'example.org:8080',
            'X-Forwarded-For': '9.9.9.9',
        },
    )
    got = headers(echo)
    assert not {'x-drop', 'keep-alive', 'proxy-connection', 'proxy-authorization'} & set(got), got
    assert (
        got['te'] == 'trailers'
        and got['x-keep'] == '2'
        and got['authorization'] == 'Bearer k'
        and got['x-api-key'] == 'k'
    )
    assert got['host'] == 'example.org:8080' and got['x-forwarded-for'] == '9.9.9.9, 127.0.0.1'


def test_nothing_is_invented(daemon):
    with daemon.wire() as w:
        w.send(wire.post(CHAT, '{"model":"a"}', ['Content-Length: 13', 'X-Fake: echo']))
        echo = json.loads(w.reply().body)
    names = {name for name, _ in echo['headers']}
    assert names == {'Host', 'Content-Type', 'Content-Length', 'X-Fake', 'X-Forwarded-For'}
    assert headers(echo)['host'] == 'x'


@pytest.mark.parametrize(
    'sent, passed',
    [('trailers', 'trailers'), ('gzip, Trailers', 'trailers'), ('gzip', None), ('gzip;q=0.5', None)],
)
def test_te(daemon, sent, passed):
    assert headers(daemon.served_by('a', headers={'TE': sent})).get('te') == passed


def test_addresses_of_all_proxies(daemon):
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/x', ['X-Forwarded-For: 1.1.1.1', 'X-Forwarded-For: 2.2.2.2', 'X-Fake: echo']))
        assert headers(json.loads(w.reply().body))['x-forwarded-for'] == '1.1.1.1, 2.2.2.2, 127.0.0.1'


ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: x-odd\r\nConnection: X-Drop, keep-alive\r\n'
    b'X-Drop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nProxy-Authenticate: x\r\nProxy-Authorization: x\r\n'
    b'Te: x\r\nUpgrade: h2c\r\nX-Keep: 1\r\nContent-Length: 18\r\n\r\n{"model":"theirs"}'
)


@pytest.mark.parametrize(
    'base, path, target',
    [
        ('', '/x', '/x'),
        ('/', '/x', '/x'),
        ('/base', '/x', '/base/x'),
        ('/base/', '/x', '/base/x'),
        ('/base', '/', '/base/'),
        ('/b%20c/', '/%2Fx?q', '/b%20c/%2Fx?q'),
        ('/base?k=v', '/x', '/base/x?k=v'),
        ('/base/?k=v', '/x?q=%20', '/base/x?k=v&q=%20'),
        ('?k=v', '/?q', '/?k=v&q'),
    ],
)
@pytest.mark.parametrize('peer', [False, True])
def test_where_it_goes_and_what_comes_back(lab, base, path, target, peer):
    origin = lab.origin()
    proxy = 'http://127.0.0.1:%d%s' % (origin.port, base)
    if peer:
        daemon = lab.daemon({}, peers={'p': {'proxy': proxy, 'models': ['a']}})
    else:
        daemon = lab.daemon({'a': origin.model(proxy=proxy)})
    answer = lab.background(daemon.get, '/upstream/a' + path)
    server = origin.accept()
    assert server.request().target == target
    server.send(ANSWER)
    answer = answer.result()
    assert answer.body == b'{"model":"theirs"}' and answer.headers['x-keep'] == '1'
    dropped = {'x-drop', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'upgrade'}
    assert not dropped & set(answer.headers)
    assert answer.headers['content-encoding'] == 'x-odd'


def test_body_is_forwarded_byte_for_byte(daemon):
    body = (
        b'{ "big": 12345678901234567890, "f": 1.0e2,\t"dup":1,"dup":2,\r\n'
        b'"esc":"\\u00e9\\/", "model" :"a", "x":"\xc3\xa9" }\n'
    )
    answer = daemon.post(CHAT, body, headers={'Content-Type': 'application/json', 'X-Fake': 'echo'})
    assert answer.json['body'].encode('latin-1') == body


def test_query_and_path(daemon):
    answer = daemon.post(
        CHAT + '?a=%20b&c=%2F', b'{"model":"a"}', headers={'Content-Type': 'application/json', 'X-Fake': 'echo'}
    )
    assert answer.json['path'] == CHAT and answer.json['query'] == 'a=%20b&c=%2F'


def test_versionless_paths(daemon):
    answer = daemon.post('/v/chat/completions', daemon.chat_body('a'), headers={'X-Fake': 'echo'})
    assert answer.json['path'] == '/chat/completions'


def test_events_are_passed_on_one_by_one(daemon):
    stream = daemon.open_chat('a', 'events:8/50ms', stream=True)
    times = []
    for n in range(8):
        stream.read_until('"n":%d,' % n)
        times.append(time.monotonic())
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert sorted(gaps)[len(gaps) // 2] > 0.03, gaps
    assert stream.finish().complete


def test_small_answers_of_known_length_are_not_held_back(daemon):
    watch = Stopwatch()
    for _ in range(10):
        daemon.served_by('a')
    assert watch.seconds / 10 < patience(0.02)


@pytest.mark.parametrize('fake', ['events:1000/10ms', 'hold:1h'])
def test_client_that_leaves_ends_the_work_of_a_peer(lab, fake):
    far = lab.start_fake('far')
    daemon = lab.daemon({}, peers={'p': {'proxy': 'http://127.0.0.1:%d' % far.port, 'models': ['far']}})
    stream = daemon.open_chat('far', fake, stream=True)
    if fake.startswith('events'):
        stream.read_until('"n":3,')
    else:
        until(lambda: lab.records('far', 'request'))
    stream.close()
    until(lambda: lab.records('far', 'closed'), patience(0.5), 'the peer to be told')


@pytest.mark.parametrize('fake', ['events:1000/10ms', 'hold:1h'])
def test_client_that_leaves_ends_the_work(lab, daemon, fake):
    stream = daemon.open_chat('a', fake, stream=True)
    if fake.startswith('events'):
        stream.read_until('"n":3,')
    else:
        until(lambda: len(lab.records('a', 'request')) == 2)
    stream.close()
    until(lambda: lab.records('a', 'closed'), patience(0.5), 'the model to be told')
    assert daemon.chat('b').status == 200


@pytest.mark.parametrize(
    'fake', ['events:5/10ms,cut', 'events:5/10ms,reset', 'events:5,die-mid', 'bytes:1000,cut', 'bytes:1000,die-mid']
)
def test_half_an_answer_never_looks_whole(daemon, fake):
    answer = daemon.chat('a', fake, stream=True)
    assert answer.status == 200 and answer.body and not answer.complete, answer
    assert daemon.chat('a').status == 200


def test_connection_dropped_before_an_answer(daemon):
    answer = daemon.chat('a', 'drop')
    assert answer.status == 502 and answer.json['error']['code'] == 'bad_gateway'


def test_prompt_that_kills_its_server_is_not_tried_for_ever(lab, daemon):
    answer = daemon.chat('a', 'die')
    assert answer.status in (500, 502, 503), answer
    assert lab.starts('a') <= 4
    daemon.served_by('a')


def test_crash_before_the_answer_is_repaired_for_the_others(lab):
    """The request that was cut off before any byte came is done again on a fresh server."""
    daemon = lab.daemon({'a': '--crash-on 3'})
    for _ in range(5):
        assert daemon.chat('a').status == 200
    assert lab.starts('a') == 2 or lab.starts('a') == 3


@pytest.mark.parametrize(
    'flags', ['--idle-close 30ms', '--close-after 1', '--stream-close', '--close-after 3 --stream-close']
)
def test_connections_that_close_while_idle_cost_no_request(lab, flags):
    daemon = lab.daemon({'a': flags})
    for n in range(60):
        answer = daemon.chat('a', stream=True)
        assert answer.status == 200 and answer.complete, (n, answer)
        time.sleep((n % 4) * 0.015)


def test_connections_are_used_again(lab, daemon):
    for _ in range(5):
        daemon.served_by('a')
        time.sleep(0.06)
    assert len({r['conn'] for r in lab.records('a', 'request')}) < 4


def test_header_timeout(lab):
    daemon = lab.daemon({'a': {'timeouts': {'responseHeader': 1}}})
    answer = daemon.chat('a', 'hold:1h')
    assert answer.status in (502, 504) and 0.9 < answer.took < 1 + patience(0.3)


def test_slow_head_is_waited_for(daemon):
    answer = daemon.chat('a', 'bytes:10,slow-head:50ms')
    assert answer.status == 200 and answer.body == b'0123456789'


def test_large_answer(daemon):
    assert daemon.chat('a', 'bytes:8MiB').body == b'0123456789abcdef' * (1 << 19)
    assert daemon.chat('a', 'bytes:8MiB,chunked').body == b'0123456789abcdef' * (1 << 19)


def test_websocket(lab, daemon):
    upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'X-Fake: ws']
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/socket', upgrade))
        reply = w.reply()
        assert reply.status == 101 and reply.headers['upgrade'].lower() == 'websocket'
        for _ in range(3):
            w.send(b'ping')
            assert w.exactly(4) == b'ping'
        assert daemon.state('a') == 'ready'


def test_no_protocol_but_websocket(lab):
    """Else the tunnel would carry requests that nobody checks."""
    origin = lab.origin()
    seen = []

    def serve(peer):
        seen.append(peer.request())
        peer.send(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')

    origin.serve(serve)
    daemon = lab.daemon({'a': origin.model()})
    offers = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c, websocket', 'HTTP2-Settings: AAMAAABk']
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/socket', offers))
        assert w.rest() == b''
    assert seen[0].header('Upgrade') == 'websocket' and seen[0].header('HTTP2-Settings') is None


def test_streams_at_once(daemon):
    lots = [daemon.open_chat('a', 'events:10/20ms', stream=True) for _ in range(10)]
    assert all(s.finish().complete for s in lots)


def test_what_a_server_has_begun_is_not_done_twice(lab):
    """A pooled connection that breaks long after the request was sent was not stale."""
    daemon = lab.daemon({'a': ''})
    daemon.served_by('a')
    before = len(lab.records('a', 'request'))
    assert daemon.chat('a', 'hold:1500ms,drop').status == 502
    assert len(lab.records('a', 'request')) == before + 1
