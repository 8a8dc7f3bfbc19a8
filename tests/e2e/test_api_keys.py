"""apiKeys: what is protected, and how a key is shown."""

import base64

import pytest


def basic(text):
    return 'Basic ' + base64.b64encode(text.encode()).decode()


@pytest.fixture(scope='module')
def daemon(shared_lab):
    return shared_lab.daemon({'a': ''}, apiKeys=['one', 'two'])


@pytest.mark.parametrize(
    'headers',
    [
        {'Authorization': 'Bearer one'},
        {'Authorization': 'bearer two'},
        {'x-api-key': 'two'},
        {'Authorization': basic('user:one')},
        {'Authorization': basic('user:one').replace('Basic', 'bAsIc')},
        {'Authorization': basic('user:one'), 'x-api-key': 'wrong'},
        {'Authorization': basic('no colon'), 'x-api-key': 'one'},
        {'Authorization': 'Bearer ', 'x-api-key': 'one'},
        {'Authorization': 'Basic ???', 'x-api-key': 'one'},
        {'Authorization': 'Digest x', 'x-api-key': 'one'},
        {'Authorization': basic(':two'), 'x-api-key': 'wrong'},
    ],
)
def test_accepted(daemon, headers):
    assert daemon.get('/running', headers=headers).status == 200


@pytest.mark.parametrize(
    'headers',
    [
        {},
        {'Authorization': 'Bearer three'},
        {'Authorization': 'Bearer  one'},
        {'Authorization': 'one'},
        {'x-api-key': 'ONE'},
        {'Authorization': 'Bearer wrong', 'x-api-key': 'one'},
        {'Authorization': basic('one:')},
        {'Cookie': 'x-api-key=one'},
    ],
)
def test_refused(daemon, headers):
    answer = daemon.get('/running', headers=headers)
    assert answer.status == 401 and answer.headers['www-authenticate'] == 'Basic realm="llama-swap"'
    assert answer.message == 'unauthorized: invalid or missing API key'
    assert answer.json['error']['type'] == 'authentication_error' and answer.json['error']['code'] == 'unauthorized'


@pytest.mark.parametrize('query', ['key=one', 'api_key=one', 'x-api-key=one', 'token=one', 'Authorization=Bearer%20one'])
def test_no_key_in_the_query(daemon, query):
    assert daemon.get('/running?' + query).status == 401


def test_refused_as_the_client_likes_it(daemon):
    answer = daemon.get('/ui/', headers={'Accept': 'text/html'})
    assert answer.status == 401 and answer.headers['www-authenticate'] == 'Basic realm="llama-swap"'
    assert answer.headers['content-type'] == 'text/html' and 'invalid or missing API key</p>' in answer.text


@pytest.mark.parametrize(
    'method, path, status',
    [
        ('GET', '/health', 200),
        ('GET', '/wol-health', 200),
        ('GET', '/', 302),
        ('GET', '/upstream', 302),
        ('GET', '/nowhere', 404),
        ('GET', '/v1/chat/completions', 405),
        ('OPTIONS', '/running', 204),
    ],
)
def test_open(daemon, method, path, status):
    assert daemon.request(method, path).status == status


@pytest.mark.parametrize(
    'method, path',
    [
        ('GET', '/v1/models'),
        ('GET', '/logs'),
        ('GET', '/logs/stream'),
        ('GET', '/api/events'),
        ('GET', '/unload'),
        ('GET', '/upstream/a/x'),
        ('POST', '/api/models/unload'),
        ('POST', '/v1/chat/completions'),
        ('GET', '/props?model=a'),
        ('GET', '/api/version'),
    ],
)
def test_protected(daemon, method, path):
    assert daemon.request(method, path).status == 401


def test_nothing_starts_without_a_key(shared_lab, daemon):
    before = shared_lab.starts('a')
    assert daemon.chat('a').status == 401 and shared_lab.starts('a') == before
    assert daemon.chat('a', headers={'Authorization': 'Bearer one'}).status == 200
