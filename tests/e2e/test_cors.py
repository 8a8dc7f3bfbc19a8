"""Preflight answers and the one route that names an origin."""

import pytest


@pytest.fixture(scope='module')
def daemon(shared_lab):
    return shared_lab.daemon({'a': ''}, apiKeys=['secret'])


@pytest.mark.parametrize('path', ['/v1/chat/completions', '/nowhere', '/upstream/a/x', '/running', '/'])
def test_preflight_on_any_path_without_a_key(daemon, path):
    answer = daemon.request('OPTIONS', path)
    assert answer.status == 204 and answer.body == b''
    assert answer.headers['access-control-allow-origin'] == '*'
    assert answer.headers['access-control-allow-methods'] == 'GET, POST, PUT, PATCH, DELETE, OPTIONS'
    assert answer.headers['access-control-allow-headers'] == 'Content-Type, Authorization, Accept, X-Requested-With'
    assert answer.headers['access-control-max-age'] == '86400'


@pytest.mark.parametrize(
    'asked, allowed',
    [
        ('Content-Type, Authorization', 'Content-Type, Authorization'),
        ('  X-Custom ,  Accept ', 'X-Custom, Accept'),
        ('Valid, Bad Header', 'Valid'),
        ('Bad@Header', ''),
        ('a,,b', 'a, b'),
        ('', 'Content-Type, Authorization, Accept, X-Requested-With'),
    ],
)
def test_requested_headers_are_cleaned(daemon, asked, allowed):
    answer = daemon.request('OPTIONS', '/x', headers={'Access-Control-Request-Headers': asked})
    assert answer.headers['access-control-allow-headers'] == allowed


def test_origin_of_the_model_list(daemon):
    headers = {'Authorization': 'Bearer secret', 'Origin': 'http://example.org'}
    for path in ('/v1/models', '/models'):
        for method in ('GET', 'HEAD'):
            answer = daemon.request(method, path, headers=headers)
            assert answer.headers['access-control-allow-origin'] == 'http://example.org'
            assert answer.headers['vary'] == 'Origin'
    assert 'access-control-allow-origin' not in daemon.get('/running', headers=headers).headers
    del headers['Origin']
    assert 'access-control-allow-origin' not in daemon.get('/v1/models', headers=headers).headers


def test_headers_of_the_model_pass(daemon):
    answer = daemon.chat(
        'a', 'bytes:1,header:Access-Control-Allow-Origin=http://example.org', headers={'x-api-key': 'secret'}
    )
    assert answer.headers['access-control-allow-origin'] == 'http://example.org'
