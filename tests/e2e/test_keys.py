"""apiKeys with names: what each role opens, which models a key sees, and what it may not cause."""

import base64
import hashlib
import re
import signal

import pytest

from harness.waiting import patience, until

USER, OPERATOR, ADMIN, PLAIN = 'user-key', 'operator-key', 'admin-key', 'plain-key'
KEYS = [
    PLAIN,
    {'key': USER, 'name': 'anna', 'models': ['a', 'nick*']},
    {'sha256': hashlib.sha256(OPERATOR.encode()).hexdigest(), 'name': 'ops', 'role': 'operator'},
    {'key': ADMIN, 'name': 'root', 'role': 'admin'},
    {'key': 'guest-key', 'name': 'guest', 'maySwap': False},
]


def bearer(key):
    return {'Authorization': 'Bearer ' + key}


@pytest.fixture(scope='module')
def daemon(shared_lab):
    daemon = shared_lab.daemon({'a': '', 'b': ''}, apiKeys=KEYS)
    until(lambda: daemon.get('/api/hardware', headers=bearer(ADMIN)).status == 200, patience(12), 'the hardware')
    return daemon


# path, and the statuses for user, operator, admin (and the plain key)
ROUTES = [
    ('GET', '/v1/models', 200, 200, 200),
    ('GET', '/models', 200, 200, 200),
    ('GET', '/api/version', 200, 200, 200),
    ('GET', '/running', 403, 200, 200),
    ('GET', '/unload', 403, 200, 200),
    ('POST', '/api/models/unload', 403, 200, 200),
    ('POST', '/api/models/unload/a', 403, 200, 200),
    ('GET', '/api/profiles', 403, 200, 200),
    ('PUT', '/api/profiles/active', 403, 400, 400),
    ('POST', '/api/inflight/77/cancel', 403, 404, 404),
    ('HEAD', '/api/events', 403, 200, 200),
    ('HEAD', '/api/events?v=2', 403, 200, 200),
    ('GET', '/api/inflight', 403, 200, 200),
    ('GET', '/api/queue', 403, 200, 200),
    ('HEAD', '/logs/stream', 403, 200, 200),
    ('GET', '/logs', 403, 200, 200),
    ('GET', '/api/metrics/activity', 403, 200, 200),
    ('GET', '/api/metrics/stats', 403, 200, 200),
    ('GET', '/api/metrics/store', 403, 200, 200),
    ('GET', '/api/metrics/activity/export', 403, 200, 200),
    ('GET', '/api/hardware', 403, 200, 200),
    ('GET', '/api/performance', 403, 200, 200),
    ('GET', '/metrics', 403, 200, 200),
    ('GET', '/api/instances', 403, 200, 200),
    ('GET', '/ui/', 403, 404, 404),
    ('GET', '/api/captures/99999', 403, 403, 404),
]


@pytest.mark.parametrize('method, path, user, operator, admin', ROUTES, ids=lambda value: str(value))
def test_roles(daemon, method, path, user, operator, admin):
    for key, status in ((USER, user), (OPERATOR, operator), (ADMIN, admin), (PLAIN, admin)):
        answer = daemon.request(method, path, headers=bearer(key))
        assert answer.status == status, (key, answer)
        if status == 403 and method != 'HEAD':
            assert answer.json['error']['code'] == 'forbidden' and 'role' in answer.message


def test_models_of_a_user(daemon):
    assert [m['id'] for m in daemon.get('/v1/models', headers=bearer(USER)).json['data']] == ['a']
    assert [m['id'] for m in daemon.get('/v1/models', headers=bearer(OPERATOR)).json['data']] == ['a', 'b']
    assert daemon.chat('a', headers=bearer(USER)).status == 200
    hidden, unknown = (daemon.chat(model, headers=bearer(USER)) for model in ('b', 'nobody'))
    assert hidden.status == unknown.status == 404
    assert hidden.message == unknown.message == 'no router for requested model'
    hidden = daemon.get('/upstream/b/props', headers=bearer(USER))
    assert (hidden.status, hidden.message) == (404, 'model not found')


def test_keys_of_some_models_do_not_decide_for_all(lab):
    some = {'key': 'some-key', 'name': 'some', 'role': 'operator', 'models': ['a']}
    selectors = {'pinned': {'strategy': 'pin', 'targets': ['b']}}
    daemon = lab.daemon({'a': '', 'b': ''}, apiKeys=[some, PLAIN], selectors=selectors)
    refused = daemon.request('PUT', '/api/profiles/active', {'name': None}, headers=bearer('some-key'))
    assert refused.status == 403 and 'all models' in refused.message
    assert daemon.request('PUT', '/api/profiles/active', {'name': None}, headers=bearer(PLAIN)).status == 200
    assert [m['id'] for m in daemon.get('/v1/models', headers=bearer('some-key')).json['data']] == ['a']
    assert daemon.chat('pinned', headers=bearer('some-key')).status == 404
    assert daemon.chat('pinned', headers=bearer(PLAIN)).status == 200


def test_upstream_of_a_user(daemon):
    chat = daemon.chat_body('a')
    assert daemon.post('/upstream/a/v1/chat/completions', chat, headers=bearer(USER)).status == 200
    for method, path in (('GET', '/upstream/a/'), ('GET', '/upstream/a/slots'), ('POST', '/upstream/a/x'),
                         ('PUT', '/upstream/a/v1/chat/completions'), ('GET', '/upstream/a/v1/chat/completions')):
        answer = daemon.request(method, path, headers=bearer(USER))
        assert (answer.status, answer.message) == (403, 'this key opens model endpoints only'), path
    assert daemon.get('/upstream/a/props', headers=bearer(OPERATOR)).status == 200


def test_named_keys_are_not_passed_on(daemon):
    basic = 'Basic ' + base64.b64encode(('x:' + USER).encode()).decode()
    for headers in (bearer(USER), {'x-api-key': USER}, {'Authorization': basic}, {**bearer(USER), 'x-api-key': USER}):
        seen = [name.lower() for name, _ in daemon.served_by('a', headers=headers)['headers']]
        assert 'authorization' not in seen and 'x-api-key' not in seen, headers
    assert ['Authorization', 'Bearer ' + PLAIN] in daemon.served_by('a', headers=bearer(PLAIN))['headers']


def test_name_in_log_and_in_flight(daemon):
    def lines():
        log = daemon.get('/logs', headers=bearer(ADMIN)).text
        return [line for line in log.splitlines() if 'GET /v1/models' in line and '"who-' in line]

    daemon.get('/v1/models', headers={**bearer(USER), 'User-Agent': 'who-anna'})
    daemon.get('/v1/models', headers={**bearer(PLAIN), 'User-Agent': 'who-knows'})
    until(lambda: len(lines()) == 2, patience(5), 'both in the log')
    assert lines()[0].endswith(' key=anna') and 'key=' not in lines()[1]

    assert daemon.get('/running', headers=bearer(USER)).status == 403
    until(lambda: re.search(r'"GET /running .* 403 .* key=anna$', daemon.get('/logs', headers=bearer(ADMIN)).text, re.M),
          patience(5), 'who was refused')  # fmt: skip

    events = daemon.open('GET', '/api/events', headers=bearer(OPERATOR))
    events.head()
    assert daemon.chat('a', headers=bearer(USER)).status == 200
    seen = events.read_until(r'\"metadata\":{\"key\":\"anna\"}').text
    everything = seen + daemon.get('/logs', headers=bearer(ADMIN)).text
    assert not [key for key in (USER, OPERATOR, ADMIN, PLAIN) if key in everything]


def test_guest_uses_what_is_loaded(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, apiKeys=KEYS)
    guest = bearer('guest-key')
    assert daemon.chat('a', headers=guest).status == 200  # nothing had to stop for it
    assert daemon.chat('a', headers=guest).status == 200
    refused = daemon.chat('b', headers=guest)
    assert refused.status == 409 and refused.headers['retry-after'] == '30'
    assert 'another model would have to stop' in refused.message
    assert refused.json['error']['code'] == 'conflict'
    assert daemon.post('/upstream/b/v1/chat/completions', daemon.chat_body('b'), headers=guest).status == 409
    assert lab.starts('b') == 0 and daemon.chat('a', headers=guest).status == 200
    assert daemon.chat('b', headers=bearer(OPERATOR)).status == 200
    assert daemon.chat('b', headers=guest).status == 200 and daemon.chat('a', headers=guest).status == 409


def test_key_file_is_read_again_on_reload(lab):
    (lab.folder / 'key').write_text('first\nrest\n')
    daemon = lab.daemon({'a': ''}, apiKeys=[{'keyFile': 'key', 'name': 'f', 'role': 'operator'}])
    assert daemon.get('/running', headers=bearer('first')).status == 200
    (lab.folder / 'key').write_text('second')
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.get('/running', headers=bearer('second')).status == 200, patience(5), 'the second key')
    assert daemon.get('/running', headers=bearer('first')).status == 401


STREAMS = ('/api/events', '/api/events?v=2', '/logs/stream/a')


@pytest.mark.parametrize('watched', [False, True], ids=['SIGHUP', 'watched'])
def test_a_reload_ends_streams_whose_keys_changed(lab, watched):
    def key(name, **settings):
        return {'key': name, 'name': name, 'role': 'operator', **settings}

    before = [PLAIN, key('revoked'), key('lowered'), key('narrowed', models=['a', 'b']), key('same', models=['a'])]
    after = [PLAIN, key('lowered', role='user'), key('narrowed', models=['a']), key('same', models=['a'])]
    config = lab.config({'a': "--print 'here is a'", 'b': ''}, apiKeys=before)
    daemon = lab.daemon(config=config, arguments=['-watch-config'] if watched else [])
    if watched:
        until(lambda: 'watching' in daemon.get('/logs', headers=bearer(PLAIN)).text, patience(5), 'the watcher')

    def listen(name):
        streams = [daemon.open('GET', path, headers=bearer(name)) for path in STREAMS]
        assert [stream.head().status for stream in streams] == [200] * 3
        return streams

    go = listen('revoked') + listen('lowered') + listen('narrowed')
    stay = listen('same') + listen(PLAIN)
    config['apiKeys'] = after
    daemon.write(config)
    if not watched:
        daemon.signal(signal.SIGHUP)
    for stream in go:
        assert stream.finish().complete
    log = daemon.get('/logs', headers=bearer(PLAIN)).text
    assert '9 stream(s) end' in log and 'revoked-' not in log
    assert daemon.request('HEAD', '/api/events', headers=bearer('revoked')).status == 401
    assert daemon.request('HEAD', '/api/events', headers=bearer('lowered')).status == 403
    assert daemon.request('HEAD', '/api/events', headers=bearer('narrowed')).status == 200
    assert daemon.chat('a', headers=bearer(PLAIN)).status == 200
    for path, stream in zip(2 * STREAMS, stay):
        stream.read_until('ready' if 'events' in path else 'here is a')


def test_keys_that_come_end_the_streams_of_those_without(lab):
    config = lab.config({'a': ''})
    daemon = lab.daemon(config=config)
    streams = [daemon.open('GET', path) for path in STREAMS]
    assert [stream.head().status for stream in streams] == [200] * 3
    config['apiKeys'] = [PLAIN]
    daemon.write(config)
    daemon.signal(signal.SIGHUP)
    assert all(stream.finish().complete for stream in streams)
    assert daemon.get('/api/events').status == 401


def test_guesses_are_logged_and_slowed_down(lab):
    daemon = lab.daemon({'a': ''}, apiKeys=KEYS)

    def show(key):
        return daemon.get('/running', headers={**bearer(key), 'X-Forwarded-For': '6.6.6.6'})

    assert [show('same').status for _ in range(20)] == [401] * 20  # a program with an old key guesses nothing
    assert [show('guess-%d' % i).status for i in range(4)] == [401] * 4
    locked = show('guess-4')
    assert (locked.status, locked.headers['retry-after']) == (429, '1') and locked.took < 0.5
    # Keys are not looked at then: no answer tells whether one is right. Who shows none is not concerned.
    assert show(ADMIN).status == 429
    assert daemon.get('/running').status == 401 and daemon.get('/health').status == 200
    until(lambda: show(ADMIN).status == 200, patience(5), 'the end of the lock')
    assert show('guess-5').status == 401 and show(ADMIN).status == 429
    until(lambda: show(ADMIN).status == 200, patience(5), 'the end of the longer lock')
    log = daemon.get('/logs', headers=bearer(ADMIN)).text
    assert log.count('wrong API key from 127.0.0.1') == 3 and 'guess-' not in log
    assert daemon.terminate() == 0


@pytest.mark.parametrize(
    'path, content_type, body, status',
    [
        ('/v1/chat/completions', 'application/json', '{"model":"a"}', 200),
        ('/v1/chat/completions', 'application/json', '{"model":"a","model":"b"}', 400),
        ('/v1/chat/completions', 'application/json', '{"model":"a","Model":"b"}', 400),
        ('/v1/chat/completions?model=b', 'application/json', '{"model":"a"}', 400),
        ('/v1/audio/transcriptions', 'application/x-www-form-urlencoded', 'model=a&model=b', 400),
        ('/upstream/a/v1/chat/completions', 'application/json', '{"model":"a"}', 200),
        ('/upstream/a/v1/chat/completions', 'application/json', '{}', 200),
        ('/upstream/a/v1/chat/completions', 'application/json', '{"model":"b"}', 403),
        ('/upstream/a/v1/chat/completions', 'application/json', '{"model":"nobody"}', 403),
        ('/upstream/a/v1/chat/completions', 'text/plain', '{"model":"b"}', 403),
        ('/upstream/a/v1/chat/completions?model=b', 'text/plain', 'x', 403),
    ],
)
def test_a_key_of_some_models_names_no_other(lab, path, content_type, body, status):
    """What we read may not differ from what the server reads."""
    daemon = lab.daemon({'a': '', 'b': ''}, apiKeys=[{'key': 'k', 'name': 'anna', 'models': ['a']}, 'root'])
    headers = {'Authorization': 'Bearer k', 'Content-Type': content_type}
    assert daemon.post(path, body.encode(), headers=headers).status == status
    if status != 200:  # others are believed
        assert daemon.post(path, body.encode(), headers=dict(headers, Authorization='Bearer root')).status == 200
