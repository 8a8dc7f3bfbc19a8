"""From the name in a request to whoever serves it: pins, aliases, peer models, selectors, in every kind of request."""

import urllib.parse

import pytest

from harness import wire
from harness.waiting import patience, stays, until

JSON = b'{ "x":1.0,"model" :%s,"big":12345678901234567890, "model":"twice"}'
FORM = 'a=1&model=%s&b=%%20&c=+'
MULTIPART = (
    '--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\nX-More: 1\r\n'
    '\r\nRIFF\r\n--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'
    '--B\r\nContent-Disposition: form-data; name="z"\r\n\r\n1\r\n--B--\r\n'
)


def plus(name):
    return urllib.parse.quote_plus(name)


# kind -> method, path, content type, body; each with the place of the name
def as_json(name):
    return 'POST', '/v1/chat/completions', 'Application/JSON; charset=utf-8', JSON % b'"%s"' % name.encode()


def as_derived_json(name):
    return 'POST', '/v1/embeddings', 'application/vnd.x+json', b'{"model":"%s"}' % name.encode()


def as_form(name):
    return 'POST', '/v1/audio/voices', 'application/x-www-form-urlencoded', (FORM % plus(name)).encode()


def as_multipart(name):
    return 'POST', '/v1/audio/transcriptions', 'Multipart/Form-Data; boundary=B', (MULTIPART % name).encode()


def as_query_of_post(name):
    return 'POST', '/v1/audio/voices?model=' + plus(name), 'text/plain', b'model=another'


def as_query(name):
    return 'GET', '/v1/audio/voices?model=' + plus(name), None, None


KINDS = [as_json, as_derived_json, as_form, as_multipart, as_query_of_post, as_query]


@pytest.fixture(scope='module')
def daemon(shared_lab):
    p, q = shared_lab.start_fake('p'), shared_lab.start_fake('q')
    models = {
        'a': {'aliases': ['nick', 'a b']},
        'author': '',
        'author/model': '',
        'based': {'proxy': 'http://localhost:${PORT}/base'},
        'shown': '',
    }
    daemon = shared_lab.daemon(
        models,
        groups={'g': {'swap': False, 'members': list(models)}},
        peers={
            'p': {
                'proxy': 'http://127.0.0.1:%d/api' % p.port,
                'models': ['remote', 'org/deep', 'shared', 'a', 'taken'],
                'apiKey': 'peer-key',
                'allowPaths': ['^/v1/models$', '/open/'],
            },
            'q': {'proxy': 'http://127.0.0.1:%d' % q.port, 'models': ['shared', 'p/remote']},
        },
        selectors={
            'sel': {'strategy': 'pin', 'targets': ['nick', 'author']},
            'away': {'strategy': 'pin', 'targets': ['p/remote']},
            'taken': {'strategy': 'pin', 'targets': ['author']},
        },
        profiles={
            'day': {
                'description': 'by day',
                'pins': {
                    'public': 'nick',
                    'shown': 'a',
                    'far': 'p/remote',
                    'chosen': 'sel',
                    'chain': 'author',
                    'author': 'a',
                    'off': '',
                },
            },
            'night': {'pins': {'public': 'author'}},
        },
    )
    assert daemon.request('PUT', '/api/profiles/active', {'name': 'day'}).json == {'active': 'day'}
    return daemon


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'requested, tag, written',
    [
        ('a', 'a', 'a'),
        ('nick', 'a', 'nick'),
        ('a b', 'a', 'a b'),
        ('author/model', 'author/model', 'author/model'),
        # peers: the full name, the bare one, and the one that is both
        ('p/org/deep', 'p', 'org/deep'),
        ('org/deep', 'p', 'org/deep'),
        ('p/remote', 'p', 'remote'),
        ('q/p/remote', 'q', 'p/remote'),
        ('p/a', 'p', 'a'),
        # selectors: an alias stays an alias; they win over a bare peer name
        ('sel', 'a', 'nick'),
        ('away', 'p', 'remote'),
        ('taken', 'author', 'author'),
        ('p/taken', 'p', 'taken'),
        # pins: to an alias, a peer, a selector; over a local id; once only
        ('public', 'a', 'nick'),
        ('far', 'p', 'remote'),
        ('chosen', 'a', 'nick'),
        ('shown', 'a', 'a'),
        ('chain', 'author', 'author'),
    ],
)
def test_who_serves_it_and_what_it_reads(daemon, kind, requested, tag, written):
    method, path, content_type, body = kind(requested)
    headers = {'X-Fake': 'echo', **({'Content-Type': content_type} if content_type else {})}
    echo = daemon.request(method, path, body, headers=headers).json
    _, path, _, body = kind(written)
    path, _, query = path.partition('?')
    assert echo['tag'] == tag, echo
    assert (echo['method'], echo['body'].encode('latin-1'), echo['query']) == (method, body or b'', query)
    assert echo['path'] == ('/api' if tag == 'p' else '') + path
    lengths = [value for name, value in echo['headers'] if name.lower() == 'content-length']
    assert lengths == ([str(len(body))] if body else [])


def test_a_query_is_rewritten_whole(daemon):
    echo = daemon.get('/props?z=1&model=public&autoload=a%20b&model=x', headers={'X-Fake': 'echo'}).json
    assert (echo['tag'], echo['query']) == ('a', 'autoload=a+b&model=nick&z=1')
    echo = daemon.get('/props?z=1&model=a&autoload=a%20b', headers={'X-Fake': 'echo'}).json
    assert echo['query'] == 'z=1&model=a&autoload=a%20b'


def test_every_model_field_of_a_form_is_rewritten(daemon):
    """The query counts, but what the server reads is the field."""
    _, path, content_type, body = as_multipart('other')
    headers = {'X-Fake': 'echo', 'Content-Type': content_type}
    echo = daemon.post(path + '?model=public', body, headers=headers).json
    assert (echo['tag'], echo['query'], echo['body']) == ('a', 'model=nick', MULTIPART % 'nick')
    echo = daemon.post(path + '?model=a', body, headers=headers).json
    assert (echo['tag'], echo['query'], echo['body']) == ('a', 'model=a', MULTIPART % 'a')
    headers['Content-Type'] = 'application/x-www-form-urlencoded'
    echo = daemon.post(path, b'x=%20&model=public&mod%65l=other&y&model&z=+', headers=headers).json
    assert (echo['tag'], echo['body']) == ('a', 'x=%20&model=nick&mod%65l=nick&y&model&z=+')


def test_a_number_for_a_name(daemon):
    answer = daemon.post('/v1/embeddings', {'model': 123})
    assert answer.status == 404 and answer.message == 'no router for requested model'


def test_head_is_answered_as_get_without_a_body(shared_lab, daemon):
    before = len(shared_lab.records('a', 'request'))
    answer = daemon.request('HEAD', '/props?model=public')
    assert answer.status == 200 and answer.body == b''
    seen = until(lambda: shared_lab.records('a', 'request')[before:], patience(2))
    assert [(r['method'], r['path']) for r in seen] == [('HEAD', '/props?model=nick')]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'requested, message',
    [
        ('off', 'no model id could be identified'),
        ('', 'no model id could be identified'),
        ('shared', 'no router for requested model'),
        ('nobody', 'no router for requested model'),
        ('A', 'no router for requested model'),
        ('p/', 'no router for requested model'),
        (' a', 'no router for requested model'),
    ],
)
def test_names_that_nobody_serves(daemon, kind, requested, message):
    method, path, content_type, body = kind(requested)
    answer = daemon.request(method, path, body, headers={'Content-Type': content_type} if content_type else {})
    assert answer.status == 404 and answer.message == message


@pytest.mark.parametrize(
    'content_type, body',
    [
        ('text/plain', b'{"model":"a"}'),
        ('application/json', b'{"model":null}'),
        ('application/json', b'{"x":{"model":"a"}}'),
        ('application/json', b'\x1f\x8b\x08 not text'),
        ('application/json', b''),
        ('multipart/form-data', MULTIPART.encode()),
        ('multipart/form-data; boundary=C', MULTIPART.encode()),
        ('application/x-www-form-urlencoded', b'a=%zz&model=a'),
        ('application/x-www-form-urlencoded', b'model=a;b'),
    ],
)
def test_bodies_that_name_no_model(daemon, content_type, body):
    answer = daemon.post('/v1/chat/completions', body, headers={'Content-Type': content_type})
    assert answer.status == 404 and answer.message == 'no model id could be identified'


def test_a_broken_document_will_do(daemon):
    headers = {'Content-Type': 'application/json', 'X-Fake': 'echo'}
    echo = daemon.post('/v1/embeddings', b'{"model":"public","x":[', headers=headers).json
    assert (echo['tag'], echo['body']) == ('a', '{"model":"nick","x":[')


# /upstream/MODEL/PATH
@pytest.mark.parametrize(
    'path, tag, seen',
    [
        ('/upstream/public/x%2Fy?q=%20', 'a', '/x%2Fy'),
        ('/upstream/p%75blic/x', 'a', '/x'),
        ('/upstream/a%20b/x', 'a', '/x'),
        ('/upstream/author/x', 'a', '/x'),  # a pin
        ('/upstream/author/model/x', 'author/model', '/x'),  # a longer name than that pin
        ('/upstream/author%2Fmodel/x', 'author/model', '/x'),
        ('/upstream/based/x', 'based', '/base/x'),
        ('/upstream/a/x%2F..%2Fy', 'a', '/x%2F..%2Fy'),  # nothing to climb out of
        ('/upstream/p/org/deep/open/x', 'p', '/api/open/x'),
        ('/upstream/org/deep/open/x', 'p', '/api/open/x'),
        ('/upstream/far/open/', 'p', '/api/open/'),
    ],
)
def test_upstream(daemon, path, tag, seen):
    echo = daemon.get(path, headers={'X-Fake': 'echo'}).json
    assert (echo['tag'], echo['path']) == (tag, seen)
    assert echo['query'] == path.partition('?')[2]


@pytest.mark.parametrize('path', ['off/x', 'sel/x', 'chosen/x', 'shared/x', 'q/x', 'nobody', ''])
def test_upstream_of_nobody(daemon, path):
    answer = daemon.get('/upstream/' + path)
    assert answer.status == 404 and answer.message == 'model not found'


@pytest.mark.parametrize(
    'path, location',
    [
        ('/upstream/public?x=%20', '/upstream/nick/?x=%20'),
        ('/upstream/a%20b', '/upstream/a%20b/'),
        ('/upstream/author%2Fmodel', '/upstream/author/model/'),
        ('/upstream/org/deep', '/upstream/org/deep/'),
    ],
)
def test_upstream_redirects(daemon, path, location):
    answer = daemon.get(path)
    assert answer.status == 301 and answer.headers['location'] == location


@pytest.mark.parametrize('model', ['based', 'p/remote', 'far'])
@pytest.mark.parametrize('path', ['%2e%2e/x', 'x/%2E%2E/y', 'x%2F..%2Fy', 'open/%2e%2e%5cy', 'open%5c..%5cy'])
def test_paths_cannot_climb_out(daemon, model, path):
    answer = daemon.get('/upstream/%s/%s' % (model, path))
    assert answer.status == 400 and '".."' in answer.message


@pytest.mark.parametrize(
    'method, path, status',
    [
        ('POST', '/v1/chat/completions', 200),
        ('POST', '/v/chat/completions', 200),
        ('GET', '/props', 200),
        ('HEAD', '/props', 200),
        ('GET', '/v1/models', 200),  # allowPaths
        ('DELETE', '/open/x', 200),
        ('GET', '/', 403),
        ('GET', '/v1/chat/completions', 403),
        ('POST', '/props', 403),
        ('GET', '/v1/models/x', 403),
        ('GET', '/api/keys', 403),
        ('POST', '/v1/billing', 403),
    ],
)
def test_a_peer_is_open_for_models_only(shared_lab, daemon, method, path, status):
    before = len(shared_lab.records('p', 'request'))
    answer = daemon.request(method, '/upstream/p/remote' + path, b'{}' if method == 'POST' else None)
    assert answer.status == status
    if status == 403:
        assert 'peers.p.allowPaths' in answer.message
        assert len(shared_lab.records('p', 'request')) == before


def test_a_peer_that_gets_no_key_of_ours_is_open(daemon):
    assert daemon.get('/upstream/q/shared/a.js').status == 200
    assert daemon.request('DELETE', '/upstream/q/shared/v1/thing').status == 200


def test_what_a_path_names_is_renamed_for_the_peer(daemon):
    headers = {'Content-Type': 'application/json', 'X-Fake': 'echo'}
    for body, seen in [
        (b'{"model":"p/remote"}', '{"model":"remote"}'),
        (b'{"model":"other"}', '{"model":"other"}'),
        (b'none', 'none'),
    ]:
        echo = daemon.post('/upstream/p/remote/v1/completions', body, headers=headers).json
        assert (echo['path'], echo['body']) == ('/api/v1/completions', seen)
    for query, seen in [('z=%20&model=p%2Fremote', 'model=remote&z=+'), ('model=other&z=%20', 'model=other&z=%20')]:
        echo = daemon.get('/upstream/p/remote/props?' + query, headers=headers).json
        assert (echo['path'], echo['query']) == ('/api/props', seen)


@pytest.mark.parametrize(
    'peer, key, wanted',
    [
        ('p/remote', {'Authorization': 'Basic x', 'x-api-key': 'k'}, {'authorization': 'Bearer peer-key', 'x-api-key': 'peer-key'}),
        ('p/remote', {}, {'authorization': 'Bearer peer-key', 'x-api-key': 'peer-key'}),
        ('q/shared', {'Authorization': 'Basic x', 'x-api-key': 'k'}, {'authorization': 'Basic x', 'x-api-key': 'k'}),
        ('q/shared', {}, {}),
    ],
)
def test_headers_to_a_peer(daemon, peer, key, wanted):
    forwarded = {'Forwarded': 'for=1', 'X-Forwarded-For': '1', 'X-Forwarded-Host': 'h', 'X-Forwarded-Proto': 'https'}
    echo = daemon.chat(peer, 'echo', headers={**forwarded, **key, 'X-Keep': '1', 'Host': 'front'}).json
    got = {name.lower(): value for name, value in echo['headers']}
    assert not [name for name in got if 'forwarded' in name], got
    assert got['host'].startswith('127.0.0.1:') and got['x-keep'] == '1'
    assert {name: value for name, value in got.items() if name in ('authorization', 'x-api-key')} == wanted


# GET /v1/models, and the profiles
def test_records(daemon):
    listed = daemon.get('/v1/models').json['data']
    assert [r['id'] for r in listed] == sorted(r['id'] for r in listed)
    records = {r['id']: r for r in listed}
    assert {i for i, r in records.items() if r['meta']['llamaswap']['type'] == 'profile'} == {
        'public',
        'far',
        'chosen',
        'chain',
    }
    assert records['sel']['meta']['llamaswap'] == {'type': 'selector', 'strategy': 'pin', 'targets': ['nick', 'author']}
    assert records['p/remote']['meta']['llamaswap'] == {'type': 'peer', 'peerID': 'p'}
    assert records['p/remote']['name'] == 'p: remote' and records['p/remote']['status'] == {'value': 'unloaded'}
    daemon.chat('a')
    records = {r['id']: r for r in daemon.get('/v1/models').json['data']}
    assert records['sel']['status'] == {'value': 'loaded'} and records['away']['status'] == {'value': 'unloaded'}


@pytest.mark.parametrize(
    'body, status, answer',
    [
        (b'', 400, 'invalid profile request'),
        (b'[]', 400, 'invalid profile request'),
        (b'"day"', 400, 'invalid profile request'),
        (b'null', 400, 'profile name is required'),
        (b'{}', 400, 'profile name is required'),
        (b'{"name":1}', 400, 'profile name must be a string or null'),
        (b'{"name":"Day"}', 404, 'profile "Day" not found'),
        (b'{"name":"night"} more', 200, {'active': 'night'}),
        (b'{"name":""}', 200, {'active': None}),
        (b'{"name":null}', 200, {'active': None}),
        (b'{"name":"day"}', 200, {'active': 'day'}),
    ],
)
def test_switching_profiles(daemon, body, status, answer):
    got = daemon.request('PUT', '/api/profiles/active', body, headers={'Content-Type': 'text/plain'})
    assert got.status == status
    if status == 200:
        assert got.json == answer
    else:
        assert got.message == answer
    profiles = daemon.get('/api/profiles').json
    assert profiles['active'] == (answer['active'] if status == 200 else 'day')
    assert [p['id'] for p in profiles['profiles']] == ['day', 'night']
    assert profiles['profiles'][0]['pins']['off'] == '' and profiles['profiles'][0]['description'] == 'by day'


def test_a_reload_ends_the_profile(lab):
    config = lab.config({'a': '', 'b': ''}, profiles={'day': {'pins': {'public': 'a'}}})
    daemon = lab.daemon(config=config)
    daemon.request('PUT', '/api/profiles/active', {'name': 'day'})
    assert daemon.chat('public', 'echo').json['tag'] == 'a'
    daemon.reload(config)
    assert daemon.get('/api/profiles').json['active'] is None
    assert daemon.chat('public').status == 404


def test_a_name_of_two_peers_is_warned_of(lab):
    peer = {'proxy': 'http://127.0.0.1:9', 'models': ['m']}
    daemon = lab.daemon({'a': ''}, peers={'east': peer, 'west': peer})
    assert '"m" is also offered by peer "east"' in daemon.log() and 'east/m or west/m' in daemon.log()
    assert daemon.chat('m').message == 'no router for requested model'


# /comfyui/ and websockets
UPGRADE = ['Connection: keep-alive, Upgrade', 'Upgrade: WebSocket', 'X-Fake: ws']


def websocket(daemon, path):
    """The status; a connection that was switched echoes."""
    return switched(daemon, path, UPGRADE)


def switched(daemon, path, upgrade):
    with daemon.wire() as w:
        w.send(wire.get(path, upgrade))
        reply = w.reply()
        if reply.status == 101:
            w.send(b'ping')
            assert w.exactly(4) == b'ping'
    return reply.status, reply.text


@pytest.mark.parametrize(
    'upgrade',
    [
        ['Connection: keep-alive', 'Connection: UPGRADE', 'Upgrade: h2c', 'Upgrade: WEBSOCKET'],
        ['connection: x , upgrade', 'upgrade: a, websocket'],
    ],
)
def test_ways_to_ask_for_a_websocket(daemon, upgrade):
    assert switched(daemon, '/upstream/a/socket', [*upgrade, 'X-Fake: ws'])[0] == 101


@pytest.mark.parametrize(
    'path', ['/upstream/a/socket', '/upstream/p/remote/open/socket', '/props?model=far', '/props?model=sel', '/v1/audio/voices?model=away']
)
def test_websockets_pass_on_every_route(daemon, path):
    assert websocket(daemon, path)[0] == 101


def test_a_websocket_is_a_request_like_others(lab):
    """It starts its model, holds a place and keeps the model loaded, until it ends."""
    daemon = lab.daemon({'a': {'concurrencyLimit': 1, 'ttl': 1}, 'b': ''})
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/socket', UPGRADE))
        assert w.reply().status == 101
        assert daemon.chat('a').status == 429
        waiting = daemon.start_chat('b')
        stays(lambda: daemon.running() == {'a': 'ready'} and not waiting.done(), 1.5)
        w.send(b'ping')
        assert w.exactly(4) == b'ping'
    assert waiting.result().status == 200 and daemon.running() == {'b': 'ready'}


def test_an_unload_ends_websockets(lab):
    daemon = lab.daemon({'a': ''})
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/socket', UPGRADE))
        assert w.reply().status == 101
        daemon.unload('a')
        assert w.rest(patience(2)) == b''


def test_ignored_websockets_start_nothing(lab):
    daemon = lab.daemon({'a': {'compat': {'ignoreWebsockets': True}}, 'b': ''})
    for path in ['/props?model=a', '/upstream/a/socket']:
        status, body = websocket(daemon, path)
        assert status == 409 and 'model a is not loaded; ignored websocket requests cannot start it' in body
    assert daemon.state('a') == 'stopped'
    daemon.chat('a')
    assert websocket(daemon, '/props?model=a')[0] == 101
    with daemon.wire() as w:  # and hold nothing up
        w.send(wire.get('/upstream/a/socket', UPGRADE))
        assert w.reply().status == 101
        assert daemon.chat('b').status == 200


def test_comfyui(lab):
    daemon = lab.daemon({'comfyui_auto': {'aliases': ['comfy']}, 'b': ''})
    not_loaded = 'model comfyui_auto is not loaded; only /comfyui/ can start it'
    for path in ['/comfyui/queue', '/comfyui/ws', '/comfyui/%2e']:
        assert (daemon.get(path).status, daemon.get(path).message) == (409, not_loaded)
    assert 'ignored websocket' in websocket(daemon, '/comfyui/')[1]
    assert daemon.state('comfyui_auto') == 'stopped'
    answer = daemon.get('/comfyui?a=b')
    assert answer.status == 301 and answer.headers['location'] == '/comfyui/?a=b'
    assert daemon.post('/comfyui').status == 308
    echo = daemon.get('/comfyui/?x=%20', headers={'X-Fake': 'echo'}).json
    assert (echo['tag'], echo['path'], echo['query']) == ('comfyui_auto', '/', 'x=%20')
    echo = daemon.post('/comfyui/api/a%2Fb', b'{"model":"b"}', headers={'X-Fake': 'echo'}).json
    assert (echo['tag'], echo['path'], echo['body']) == ('comfyui_auto', '/api/a%2Fb', '{"model":"b"}')
    assert websocket(daemon, '/comfyui/ws')[0] == 101


def test_comfyui_is_not_open_before_it_is_ready(lab):
    daemon = lab.daemon({'comfyui_auto': '--load 700ms'})
    first = lab.background(daemon.get, '/comfyui/')
    daemon.wait_for_state('comfyui_auto', 'starting')
    assert daemon.get('/comfyui/queue').status == 409
    assert first.result().status == 200 and daemon.request('HEAD', '/comfyui/queue').status == 200


def test_comfyui_is_not_filtered(lab):
    settings = {'useModelName': 'other', 'filters': {'stripParams': 'x', 'setParams': {'y': 1}}}
    daemon = lab.daemon(
        {'comfyui_auto': settings, 'b': ''}, profiles={'day': {'pins': {'comfyui_auto': 'b'}}}
    )
    daemon.request('PUT', '/api/profiles/active', {'name': 'day'})
    body = b'{"model":"comfyui_auto","x":1}'
    headers = {'X-Fake': 'echo', 'Content-Type': 'application/json'}
    assert daemon.get('/comfyui/').status == 200
    echo = daemon.post('/comfyui/v1/chat/completions?a=b', body, headers=headers).json
    assert (echo['tag'], echo['path'], echo['query']) == ('comfyui_auto', '/v1/chat/completions', 'a=b')
    assert echo['body'].encode() == body


def test_comfyui_is_a_model_of_our_own(lab):
    daemon = lab.daemon(
        {'a': {'aliases': ['comfyui_auto']}}, peers={'p': {'proxy': 'http://127.0.0.1:9', 'models': ['comfyui_auto']}}
    )
    answer = daemon.get('/comfyui/')
    assert answer.status == 404 and answer.message == 'local model comfyui_auto not found'
