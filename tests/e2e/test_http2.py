"""HTTP/2 with prior knowledge: the same answers, many at once, and what ends one ends only that."""

import json
import shutil
import signal
import subprocess

import pytest

from harness import wire
from harness.daemon import CHAT
from harness.http2 import Http2
from harness.waiting import patience, until

JSON = ('content-type', 'application/json')


@pytest.fixture
def daemon(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 100}, 'b': {'concurrencyLimit': 100}})
    daemon.served_by('a')
    return daemon


@pytest.fixture
def client(lab, daemon):
    return lab.closing(Http2(daemon.port))


def chat(client, model, fake='echo', end=True, headers=()):
    body = json.dumps({'model': model, 'stream': False})
    return client.start('POST', CHAT, body, [JSON, ('x-fake', fake), *headers], end)


@pytest.mark.parametrize('method, path', [('GET', '/health'), ('HEAD', '/health'), ('GET', '/nowhere'),
                                          ('GET', CHAT), ('OPTIONS', '/x'), ('GET', '/running'), ('GET', '/a//b')])
def test_same_answers_as_http1(daemon, client, method, path):
    one, two = daemon.request(method, path), client.request(method, path)
    assert two.ended and (two.status, two.body) == (one.status, one.body)
    own = {'date', 'connection', 'transfer-encoding', 'keep-alive', 'x-request-id'}
    assert {k: v for k, v in two.headers.items() if k not in own} == {
        k.lower(): v for k, v in dict(one.headers).items() if k.lower() not in own
    }


def test_answers_name_their_request(client):
    assert client.request('GET', '/health', headers=[('x-request-id', 'mine')]).headers['x-request-id'] == 'mine'
    made = client.request('GET', '/health').headers['x-request-id']
    assert len(made) == 16


def test_access_log(daemon, client):
    client.request('GET', '/health', headers=[('user-agent', 'me')])
    daemon.wait_for_log('"GET /health HTTP/2.0" 200 2 "me"')


def test_headers_of_the_request(client):
    echo = client.finish(chat(client, 'a', headers=[('cookie', 'a=1'), ('cookie', 'b=2'), ('x-forwarded-for', '9.9.9.9'),
                                                    ('te', 'trailers'), ('expect', '100-continue')])).json
    got = {}
    for name, value in echo['headers']:
        got.setdefault(name.lower(), []).append(value)
    assert got['host'] == ['x'] and got['cookie'] == ['a=1; b=2'] and got['te'] == ['trailers']
    assert got['x-forwarded-for'] == ['9.9.9.9, 127.0.0.1'] and 'via' not in got and 'expect' not in got


def test_upgrade_of_http1_is_ignored(daemon):
    headers = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']
    with daemon.wire() as w:
        w.send(wire.get('/health', headers))
        assert w.reply().body == b'OK'


def test_hundred_streams_through_a_swap(daemon, client):
    streams = [chat(client, 'ab'[i % 2]) for i in range(100)]
    client.finish(*streams)
    for i, stream in enumerate(streams):
        assert stream.status == 200 and stream.ended and stream.json['tag'] == 'ab'[i % 2], stream


def test_events_arrive_one_by_one(client):
    stream = chat(client, 'a', 'events:3/300ms')
    other = chat(client, 'a', 'bytes:10')
    client.until(lambda: b'"n":0' in stream.body, 'the first event')
    assert not stream.ended and b'"n":2' not in stream.body
    client.finish(stream, other)
    assert stream.body.endswith(b'data: [DONE]\n\n') and other.body == b'0123456789'
    assert stream.headers['x-accel-buffering'] == 'no' and 'transfer-encoding' not in stream.headers


def test_cancel_reaches_the_model_and_nobody_else(lab, client):
    left, stays = chat(client, 'a', 'events:1000/50ms'), chat(client, 'a', 'events:10/50ms')
    client.until(lambda: left.body and stays.body, 'both streams')
    client.reset(left)
    until(lambda: len(lab.records('a', 'closed')) == 1, patience(0.5), 'the model to be told')
    client.finish(stays)
    assert stays.ended and stays.body.endswith(b'[DONE]\n\n')


def test_cancel_while_waiting_for_a_model(lab, daemon, client):
    busy = chat(client, 'a', 'hold:1s')
    until(lambda: len(lab.records('a', 'request')) == 2)
    waits = chat(client, 'b')
    until(lambda: 'b' in daemon.get('/running').text or daemon.running() == {'a': 'ready'})
    client.reset(waits)
    client.finish(busy)
    assert busy.status == 200 and client.request('GET', '/health').body == b'OK'
    assert not lab.records('b', 'request')


def test_end_of_the_connection_reaches_the_model(lab, client):
    streams = [chat(client, 'a', 'events:1000/50ms') for _ in range(3)]
    client.until(lambda: all(s.body for s in streams), 'the streams')
    client.close()
    until(lambda: len(lab.records('a', 'closed')) == 3, patience(0.5), 'the model to be told')


@pytest.mark.parametrize('fake', ['events:3,cut', 'events:3,reset', 'bytes:100000,die-mid'])
def test_broken_answer_is_reset(client, fake):
    stream = client.finish(chat(client, 'a', fake))
    assert stream.status == 200 and not stream.ended and stream.error == 2 and stream.body


def test_large_bodies_both_ways(client):
    body = json.dumps({'model': 'a', 'x': 'y' * (4 << 20)})
    stream = client.request('POST', CHAT, body, [JSON, ('x-fake', 'bytes:%d' % (4 << 20))])
    assert stream.status == 200 and stream.ended and len(stream.body) == 4 << 20


def test_too_large_body(lab):
    daemon = lab.daemon({'a': ''}, maxRequestBody=1 << 20)
    client = lab.closing(Http2(daemon.port))
    body = json.dumps({'model': 'a', 'x': 'y' * (2 << 20)})
    for headers in ([JSON], [JSON, ('content-length', str(len(body)))]):
        assert client.request('POST', CHAT, body, headers).status == 413
    assert client.request('GET', '/health').body == b'OK'


def test_informational_answers(client):
    stream = client.finish(chat(client, 'a', 'early,bytes:3'))
    assert stream.informed == [103] and stream.body == b'012'


def test_shutdown_finishes_what_runs(lab, daemon, client):
    stream = chat(client, 'a', 'events:5/200ms')
    client.until(lambda: stream.body, 'the first event')
    daemon.signal(signal.SIGTERM)
    client.until(lambda: client.goaway is not None, 'GOAWAY')
    client.finish(stream)
    assert stream.ended and stream.body.endswith(b'[DONE]\n\n') and client.goaway == 0
    client.until_end()
    client.close()
    assert daemon.wait_for_exit() == 0


def test_curl(daemon):
    command = ['curl', '-sS', '--http2-prior-knowledge', '-w', ' %{http_version} %{http_code}']
    url = 'http://127.0.0.1:%d' % daemon.port
    assert subprocess.check_output([*command, url + '/health'], text=True) == 'OK 2 200'
    upload = [*command, '-H', 'Content-Type: application/json', '-H', 'X-Fake: bytes:5', '-d', '@-', url + CHAT]
    body = json.dumps({'model': 'a', 'x': 'y' * (2 << 20)})  # curl says Expect: 100-continue
    assert subprocess.check_output(upload, input=body, text=True) == '01234 2 200'
    refused = subprocess.check_output([*command, '-d', '@-', url + '/nowhere'], input='y' * 100000, text=True)
    assert refused == '404 page not found\n 2 404'


@pytest.mark.skipif(not shutil.which('h2load'), reason='no h2load')
def test_h2load(daemon):
    said = subprocess.check_output(
        ['h2load', '-n', '5000', '-c', '5', '-m', '100', 'http://127.0.0.1:%d/health' % daemon.port], text=True
    )
    assert '5000 succeeded, 0 failed, 0 errored' in said, said
