"""Paths, methods, redirects, and the answers of the daemon itself."""

import pytest

from harness import wire


@pytest.fixture(scope='module')
def daemon(shared_lab):
    return shared_lab.daemon({'a': ''})


@pytest.mark.parametrize(
    'method, path',
    [
        ('GET', '/nowhere'),
        ('POST', '/v1/nowhere'),
        ('GET', '/v1'),
        ('POST', '/embeddings'),
        ('POST', '/completions'),
        ('GET', '/v1/models/a'),
        ('POST', '/v/audio/speech'),
        ('GET', '/api'),
        ('POST', '/v1/chat/completions/'),
        ('GET', '/%76%31/models/x'),
    ],
)
def test_unknown_path(daemon, method, path):
    answer = daemon.request(method, path, headers={'Accept': 'text/html'})
    assert answer.status == 404 and answer.text == '404 page not found\n'
    assert (
        answer.headers['content-type'] == 'text/plain; charset=utf-8'
        and answer.headers['x-content-type-options'] == 'nosniff'
    )


@pytest.mark.parametrize(
    'method, path, allowed',
    [
        ('GET', '/v1/chat/completions', 'POST'),
        ('PUT', '/v1/audio/voices', 'GET, HEAD, POST'),
        ('POST', '/v1/models', 'GET, HEAD'),
        ('DELETE', '/running', 'GET, HEAD'),
        ('GET', '/api/models/unload', 'POST'),
        ('POST', '/api/profiles/active', 'PUT'),
        ('POST', '/health', 'GET, HEAD'),
    ],
)
def test_wrong_method(daemon, method, path, allowed):
    answer = daemon.request(method, path, headers={'Accept': 'text/html'})
    assert answer.status == 405 and answer.text == 'Method Not Allowed\n' and answer.headers['allow'] == allowed
    assert answer.headers['content-type'] == 'text/plain; charset=utf-8'


@pytest.mark.parametrize('path', ['/health', '/wol-health'])
def test_health(daemon, path):
    answer = daemon.get(path)
    assert (answer.status, answer.text, answer.headers['content-type']) == (200, 'OK', 'text/plain; charset=utf-8')


@pytest.mark.parametrize(
    'path, location',
    [
        ('//health', '/health'),
        ('/v1/./models?x=1', '/v1/models?x=1'),
        ('/a/../health', '/health'),
        ('/v1//models', '/v1/models'),
    ],
)
def test_paths_are_cleaned_by_redirect(daemon, path, location):
    with daemon.wire() as w:
        w.send(wire.get(path))
        reply = w.reply()
    assert reply.status in (301, 307, 308) and reply.headers['location'] == location


@pytest.mark.parametrize('path, location', [('/', '/ui'), ('/upstream', '/ui/models')])
def test_redirects_to_the_console(daemon, path, location):
    answer = daemon.get(path)
    assert answer.status == 302 and answer.headers['location'] == location


@pytest.mark.parametrize(
    'method, path',
    [
        ('POST', '/v1/chat/completions'),
        ('POST', '/v1/responses'),
        ('POST', '/v1/completions'),
        ('POST', '/v1/messages'),
        ('POST', '/v1/messages/count_tokens'),
        ('POST', '/v1/embeddings'),
        ('POST', '/reranking'),
        ('POST', '/rerank'),
        ('POST', '/v1/rerank'),
        ('POST', '/v1/reranking'),
        ('POST', '/infill'),
        ('POST', '/completion'),
        ('POST', '/v1/audio/speech'),
        ('POST', '/v1/audio/voices'),
        ('POST', '/v1/images/generations'),
        ('POST', '/sdapi/v1/txt2img'),
        ('POST', '/sdapi/v1/img2img'),
        ('POST', '/v1/audio/transcriptions'),
        ('POST', '/v1/images/edits'),
        ('GET', '/v1/audio/voices?model=a'),
        ('GET', '/sdapi/v1/loras?model=a'),
        ('GET', '/props?model=a'),
    ],
)
def test_model_routes(daemon, method, path):
    answer = daemon.request(method, path, None if method == 'GET' else {'model': 'a'}, headers={'X-Fake': 'echo'})
    assert answer.status == 200 and answer.json['tag'] == 'a'
    assert answer.json['path'] == path.split('?')[0]


@pytest.mark.parametrize(
    'path, seen',
    [
        ('/v/responses', '/responses'),
        ('/v/completions', '/completions'),
        ('/v/messages', '/messages'),
        ('/v/messages/count_tokens', '/messages/count_tokens'),
        ('/v/embeddings', '/embeddings'),
        ('/v/rerank', '/rerank'),
        ('/v/reranking', '/reranking'),
        ('/audioapi/v1/tasks/run', '/v1/tasks/run'),
    ],
)
def test_rewritten_routes(daemon, path, seen):
    assert daemon.post(path, {'model': 'a'}, headers={'X-Fake': 'echo'}).json['path'] == seen


@pytest.mark.parametrize(
    'accept, kind, body',
    [
        (None, 'application/json', None),
        ('*/*', 'application/json', None),
        ('text/plain', 'text/plain', 'llama-swap: no router for requested model'),
        ('application/json, text/plain, */*', 'text/plain', 'llama-swap: no router for requested model'),
        ('text/html, text/plain', 'text/plain', 'llama-swap: no router for requested model'),
        (
            'text/html,*/*',
            'text/html',
            '<html><body><h1>llama-swap</h1><p>no router for requested model</p></body></html>',
        ),
    ],
)
def test_errors_come_as_the_client_likes_them(daemon, accept, kind, body):
    answer = daemon.chat('nobody', headers={'Accept': accept} if accept else None)
    assert answer.status == 404 and answer.headers['content-type'] == kind
    if body is None:
        assert answer.json == {
            'src': 'llama-swap',
            'error': {
                'message': 'no router for requested model',
                'param': None,
                'type': 'invalid_request_error',
                'code': 'not_found',
            },
        }
    else:
        assert answer.text == body


@pytest.mark.parametrize(
    'kind, body',
    [
        ('application/json; charset=utf-8', b'{"model":"a"}'),
        ('Application/JSON', b'{"model":"a"}'),
        ('application/x-www-form-urlencoded', b'x=1&model=a'),
        (
            'multipart/form-data; boundary=B',
            b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--B--\r\n',
        ),
    ],
)
def test_model_in_any_kind_of_body(daemon, kind, body):
    answer = daemon.post('/v1/audio/transcriptions', body, headers={'Content-Type': kind, 'X-Fake': 'echo'})
    assert answer.status == 200 and answer.json['body'].encode() == body


def test_json_without_its_content_type_has_no_model(daemon):
    answer = daemon.post('/v1/chat/completions', b'{"model":"a"}')
    assert answer.status == 404 and answer.message == 'no model id could be identified'


def test_version(daemon):
    assert set(daemon.get('/api/version').json) == {'version', 'commit', 'build_date'}
