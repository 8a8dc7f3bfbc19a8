"""Every endpoint by its row in the table: who may call it, what HEAD says, what its answer looks like."""

import pytest

from harness import wire
from harness.daemon import CHAT
from harness.http2 import Http2
from harness.waiting import patience, until

TEXT = 'text/plain; charset=utf-8'
KEY = {'Authorization': 'Bearer secret'}

POSTS = [
    '/v1/chat/completions', '/v1/responses', '/v1/completions', '/v1/messages', '/v1/messages/count_tokens',
    '/v1/embeddings', '/reranking', '/rerank', '/v1/rerank', '/v1/reranking', '/infill', '/completion',
    '/v1/audio/speech', '/v1/audio/voices', '/v1/audio/transcriptions', '/v1/images/generations', '/v1/images/edits',
    '/sdapi/v1/txt2img', '/sdapi/v1/img2img', '/audioapi/v1/tasks/run', '/v/chat/completions', '/v/responses',
    '/v/completions', '/v/messages', '/v/messages/count_tokens', '/v/embeddings', '/v/rerank', '/v/reranking',
]  # fmt: skip
MODEL_GETS = ['/v1/audio/voices?model=a', '/sdapi/v1/loras?model=a', '/props?model=a']
# with the type of the answer
MANAGEMENT = [
    ('GET', '/v1/models', 'application/json'),
    ('GET', '/models', 'application/json'),
    ('GET', '/running', 'application/json'),
    ('GET', '/unload', TEXT),
    ('POST', '/api/models/unload', 'application/json'),
    ('POST', '/api/models/unload/a', TEXT),
    ('GET', '/api/profiles', 'application/json'),
    ('GET', '/api/metrics/activity', 'application/json'),
    ('GET', '/api/metrics/stats', 'application/json'),
    ('GET', '/api/performance', 'application/json'),
    ('GET', '/api/version', 'application/json'),
    ('GET', '/api/hardware', 'application/json'),
    ('GET', '/logs', None),
    ('GET', '/metrics', None),
]
OTHERS = [
    ('PUT', '/api/profiles/active'),
    ('POST', '/api/inflight/1/cancel'),
    ('GET', '/api/events'),
    ('GET', '/api/captures/1'),
    ('GET', '/logs/stream'),
    ('GET', '/logs/stream/proxy'),
    ('GET', '/ui/'),
    ('GET', '/ui/models'),
    ('PUT', '/upstream/'),
    ('GET', '/upstream/a'),
    ('DELETE', '/upstream/a/x'),
    ('GET', '/comfyui'),
    ('POST', '/comfyui'),
    ('GET', '/comfyui/'),
    ('PATCH', '/comfyui/x'),
]
PROTECTED = (
    [('POST', path) for path in POSTS]
    + [('GET', path) for path in MODEL_GETS]
    + [(method, path) for method, path, _ in MANAGEMENT]
    + OTHERS
)
# what anybody gets, key or not
OPEN = [
    ('GET', '/', 302, '/ui'),
    ('GET', '/upstream', 302, '/ui/models'),
    ('GET', '/ui', 307, '/ui/'),
    ('POST', '/upstream', 307, '/upstream/'),
    ('GET', '//running', 307, '/running'),
    ('POST', '/v1/./chat/completions?a=b', 307, '/v1/chat/completions?a=b'),
    ('DELETE', '/upstream/a//x/../y', 307, '/upstream/a/y'),
    ('GET', '/health', 200, None),
    ('GET', '/wol-health', 200, None),
    ('GET', '/favicon.ico', 404, None),
    ('GET', '/nowhere', 404, None),
    ('GET', '/sdapi/v1/options', 404, None),
    ('POST', '/audioapi/v1/other', 404, None),
    ('GET', '/v', 404, None),
    ('HEAD', '/nowhere', 404, None),
    ('POST', '/ui', 405, None),
    ('POST', '/props', 405, None),
    ('GET', '/rerank', 405, None),
    ('DELETE', '/unload', 405, None),
    ('OPTIONS', '/nowhere', 204, None),
    ('OPTIONS', '/comfyui/x', 204, None),
    ('OPTIONS', '//running', 204, None),
]


@pytest.fixture(scope='module')
def daemon(shared_lab):
    daemon = shared_lab.daemon({'a': ''}, apiKeys=['secret'])
    until(lambda: daemon.get('/api/hardware', headers=KEY).status == 200, patience(12), 'the hardware')
    return daemon


@pytest.mark.parametrize('method, path', PROTECTED, ids=lambda value: value)
def test_needs_a_key(daemon, method, path):
    answer = daemon.request(method, path, headers={'Origin': 'http://127.0.0.1'})
    assert answer.status == 401 and answer.headers['www-authenticate'] == 'Basic realm="llama-swap"'
    assert answer.headers['content-type'] == 'application/json' and answer.json['src'] == 'llama-swap'


@pytest.mark.parametrize('method, path, status, location', OPEN, ids=str)
def test_needs_no_key(daemon, method, path, status, location):
    with daemon.wire() as w:
        w.send('%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' % (method, path))
        reply = w.reply(method)
    assert (reply.status, reply.headers.get('location')) == (status, location)


def test_the_key_is_looked_at_before_the_body(daemon):
    for path in (CHAT, '/upstream/a/x', '/api/models/unload'):
        with daemon.wire(patience(2)) as w:
            w.send(wire.post(path, '', ['Content-Length: 1000']))
            assert w.reply().status == 401, path


@pytest.mark.parametrize('method, path, kind', MANAGEMENT, ids=str)
def test_answers(daemon, method, path, kind):
    answer = daemon.request(method, path, b'{ignored' if method == 'POST' else None, headers=KEY)
    assert answer.status == 200
    assert kind in (None, answer.headers['content-type'])
    if kind == 'application/json':
        assert answer.json is not None and answer.text.endswith('\n') and not answer.text.endswith('\n\n')
    if kind == TEXT:
        assert answer.body == b'OK'
    if path.startswith('/api/models/unload'):
        assert answer.text == ('OK' if path.endswith('/a') else '{"msg":"ok"}\n')


@pytest.mark.parametrize('path', [path for method, path, _ in MANAGEMENT if method == 'GET'])
def test_only_the_list_of_models_names_an_origin(daemon, path):
    named = daemon.get(path, headers={**KEY, 'Origin': 'http://example.org'}).headers.get('access-control-allow-origin')
    assert named == ('http://example.org' if path.endswith('/models') else None)


def allowed_methods():
    methods = {}
    for method, path in PROTECTED + [('GET', row[1]) for row in OPEN if row[0] == 'GET' and row[2] in (200, 302)]:
        if not path.startswith(('/upstream/', '/comfyui')):
            methods.setdefault(path.split('?')[0], set()).update({method, 'HEAD'} if method == 'GET' else {method})
    # "/upstream" leads to a tree for any method
    del methods['/upstream']
    return [(path, ', '.join(sorted(allowed))) for path, allowed in methods.items()]


@pytest.mark.parametrize('path, allowed', allowed_methods(), ids=str)
def test_other_methods(daemon, path, allowed):
    answer = daemon.request('PATCH', path, b'{}')
    assert (answer.status, answer.text, answer.headers['allow']) == (405, 'Method Not Allowed\n', allowed)
    assert daemon.request('OPTIONS', path).status == 204


GETS = [path for method, path, _ in MANAGEMENT if method == 'GET'] + MODEL_GETS + [
    '/', '/upstream', '/ui', '/health', '/wol-health', '/favicon.ico', '/upstream/a', '/upstream/a/x', '/comfyui',
    '/comfyui/', '/api/captures/1', '/api/captures/x', '/logs/stream/nobody', '/nowhere', '/rerank', '//health',
]  # fmt: skip


@pytest.mark.parametrize('path', GETS)
def test_head_is_get_without_a_body(daemon, path):
    replies = []
    with daemon.wire() as w:
        for method in ('GET', 'HEAD'):
            w.send('%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\n\r\n' % (method, path))
            replies.append(w.reply(method))
    got, head = replies
    assert (head.status, head.body) == (got.status, b'')
    for name in ('content-type', 'location', 'allow'):
        assert head.headers.get(name) == got.headers.get(name), name


def test_the_same_over_http2(shared_lab, daemon):
    client = shared_lab.closing(Http2(daemon.port))
    rows = [(method, path, {}) for method, path in PROTECTED] + [(row[0], row[1], {}) for row in OPEN]
    rows += [(method, path, KEY) for method, path, _ in MANAGEMENT] + [('GET', path, KEY) for path in GETS]
    own = {'date', 'connection', 'content-length', 'transfer-encoding'}
    for method, path, headers in rows:
        with daemon.wire() as w:
            lines = ['%s: %s' % field for field in headers.items()]
            w.send('\r\n'.join(['%s %s HTTP/1.1' % (method, path), 'Host: x', *lines]) + '\r\n\r\n')
            one = w.reply(method)
        two = client.request(method, path, headers=[(name.lower(), value) for name, value in headers.items()])
        assert two.ended and two.status == one.status, (method, path, one, two)
        assert {k for k in two.headers if k not in own} == {k for k in one.headers if k not in own}, (method, path)
        assert two.headers.get('location') == one.headers.get('location'), (method, path)
