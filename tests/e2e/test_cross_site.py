"""Pages of other sites do not manage the server, and nobody who uses it is locked out (docs/security.md). The table of
all cases is src/server/site_guard_test.cc; here is what a browser gets to see."""

import pytest

from harness.waiting import until

CHROME = {
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
    'Accept-Language': 'en-US,en;q=0.9',
    'Accept': '*/*',
}
SAFARI_15 = {
    'User-Agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) '
    'Version/15.6 Safari/605.1.15',
    'Accept-Language': 'en-GB,en;q=0.9',
    'Accept': '*/*',
}
EVIL = {'Origin': 'http://evil.example'}
PICTURE = {'Accept': 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'}
PAGE = {'Accept': 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'}


def metadata(site, mode, dest):
    return {'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest}


CROSS = {**EVIL, **metadata('cross-site', 'cors', 'empty')}


@pytest.fixture(scope='module')
def daemon(shared_lab):
    return shared_lab.daemon({'a': '', 'comfyui_auto': ''}, allowedOrigins=['https://trusted.example'], allowedHosts=['swap.example.org'])


MANAGEMENT = [
    ('GET', '/running'),
    ('GET', '/logs'),
    ('GET', '/api/events'),
    ('GET', '/logs/stream'),
    ('GET', '/api/profiles'),
    ('GET', '/api/captures/1'),
    ('GET', '/api/version'),
    ('GET', '/metrics'),
    ('GET', '/api/instances'),
    ('GET', '/unload'),
    ('POST', '/api/models/unload'),
    ('POST', '/api/models/unload/a'),
    ('PUT', '/api/profiles/active'),
    ('POST', '/api/inflight/1/cancel'),
    ('POST', '/upstream/a/slots/0'),
    ('POST', '/comfyui/prompt'),
]


@pytest.mark.parametrize('browser', [{**CHROME, **EVIL}, {**CHROME, **CROSS}, {**SAFARI_15, 'Origin': 'null'}])
@pytest.mark.parametrize('method, path', MANAGEMENT, ids=lambda value: value)
def test_foreign_page(daemon, method, path, browser):
    answer = daemon.request(method, path, headers=browser)
    assert answer.status == 403 and 'allowedOrigins' in answer.message, answer
    assert answer.json['error']['code'] == 'forbidden'
    assert 'access-control-allow-origin' not in answer.headers


@pytest.mark.parametrize(
    'host',
    ['127.0.0.1', 'localhost', '192.168.1.5', '[::1]', 'gpu.local', 'box.lan', 'llama-swap', 'swap.example.org', 'nas.fritz.box'],
)
@pytest.mark.parametrize('browser', [CHROME, SAFARI_15], ids=['chrome', 'safari'])
def test_console_on_a_lan(daemon, host, browser):
    own = '%s:%d' % (host, daemon.port)
    page = {**browser, 'Host': own, 'Referer': 'http://%s/ui/' % own}
    assert daemon.get('/running', headers=page).status == 200
    assert daemon.get('/unload', headers=page).status == 200
    assert daemon.get('/logs', headers={**browser, **PAGE, 'Host': own}).status == 302
    button = {**page, 'Origin': 'http://' + own}
    assert daemon.post('/api/models/unload', headers=button).status == 200
    assert daemon.request('PUT', '/api/profiles/active', {'name': None}, headers=button).status == 200


def test_programs(daemon):
    for headers in ({}, {'User-Agent': 'curl/8'}, {'Host': 'gpu.corp.example.com'}, {'Sec-Fetch-Mode': 'cors'}):
        assert daemon.get('/running', headers=headers).status == 200
        assert daemon.get('/unload', headers=headers).status == 200


def test_proxies(daemon):
    own = {'Origin': 'https://llama.example.com', **metadata('same-origin', 'cors', 'empty')}
    passes_host = {'Host': 'llama.example.com', 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https'}
    for proxied in ({}, passes_host):
        assert daemon.post('/api/models/unload', headers={**CHROME, **own, **proxied}).status == 200
    old = {**SAFARI_15, 'Origin': 'https://llama.example.com', 'X-Forwarded-Host': 'llama.example.com'}
    assert daemon.post('/api/models/unload', headers=old).status == 200


def test_models_are_open_to_web_applications(daemon):
    app = {'Origin': 'https://chat.example.com', **CHROME}
    assert daemon.chat('a', headers=app).status == 200
    assert daemon.post('/upstream/a/v1/chat/completions', daemon.chat_body('a'), headers=app).status == 200
    answer = daemon.get('/v1/models', headers=app)
    assert answer.headers['access-control-allow-origin'] == 'https://chat.example.com'


@pytest.mark.parametrize('path', ['/unload', '/upstream/a/', '/upstream/a/logo', '/props?model=a'])
@pytest.mark.parametrize(
    'headers',
    [
        {**CHROME, **PICTURE, 'Referer': 'http://evil.example/'},
        {**CHROME, **PICTURE},  # Referrer-Policy: no-referrer
        {**SAFARI_15, 'Referer': 'http://evil.example/'},  # a script
        {**CHROME, **PICTURE, **metadata('cross-site', 'no-cors', 'image')},
        {**CHROME, **metadata('same-site', 'no-cors', 'script')},
    ],
)
def test_pictures_change_nothing(lab, path, headers):
    daemon = lab.daemon({'a': ''})
    loaded = path == '/unload' and daemon.chat('a').status == 200
    assert daemon.get(path, headers=headers).status == 403
    assert daemon.state('a') == ('ready' if loaded else 'stopped') and lab.starts('a') == int(loaded)


def test_links_work(daemon):
    wiki = {**CHROME, **PAGE, 'Referer': 'http://wiki.example/'}
    clicked = {**CHROME, **PAGE, **metadata('cross-site', 'navigate', 'document'), 'Sec-Fetch-User': '?1'}
    for link, unload in ((wiki, 403), (clicked, 200)):
        assert daemon.get('/', headers=link).status == 302
        assert daemon.get('/ui/', headers=link).status == 404  # no console is built in
        assert daemon.get('/unload', headers=link).status == unload
        assert daemon.chat('a').status == 200
        assert daemon.get('/upstream/a/', headers={**link, 'X-Fake': 'bytes:5'}).status == 200
    assert daemon.get('/unload', headers=clicked).status == 200
    assert daemon.get('/upstream/a/', headers=wiki).status == 403 and daemon.state('a') == 'stopped'
    assert daemon.get('/upstream/a/', headers={**clicked, 'X-Fake': 'bytes:5'}).status == 200


def test_pages_of_the_lan_are_foreign_if_the_browser_says_so(daemon):
    assert daemon.chat('a').status == 200
    host = 'localhost:%d' % daemon.port
    for referer in ('http://localhost:9999/', 'http://wiki.corp/', 'http://192.168.1.77/'):
        page = {**CHROME, **PICTURE, 'Host': host, 'Referer': referer, **metadata('same-site', 'no-cors', 'image')}
        assert daemon.get('/unload', headers=page).status == 403 and daemon.state('a') == 'ready'


def test_rebinding(daemon):
    host = 'evil.example:%d' % daemon.port
    page = {**CHROME, 'Host': host, 'Referer': 'http://%s/' % host}
    for method, path in (*MANAGEMENT, ('GET', '/v1/models'), ('POST', '/v1/chat/completions'), ('GET', '/ui/')):
        headers = {**page, 'Origin': 'http://' + host} if method != 'GET' else page
        answer = daemon.request(method, path, headers=headers)
        assert answer.status == 403 and 'allowedHosts' in answer.message, (path, answer)
    assert daemon.get('/health', headers=page).status == 200


def test_websocket_of_a_foreign_page(daemon):
    assert daemon.chat('a').status == 200
    upgrade = {'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'x'}
    assert daemon.get('/upstream/a/ws', headers={**CHROME, **EVIL, **upgrade}).status == 403


def preflight(daemon, method, path, origin):
    headers = {**CHROME, 'Origin': origin, 'Access-Control-Request-Method': method}
    headers['Access-Control-Request-Headers'] = 'content-type, x-forwarded-host, x-real-ip, forwarded'
    headers['Access-Control-Request-Private-Network'] = 'true'
    answer = daemon.request('OPTIONS', path, headers=headers)
    assert answer.status == 204 and answer.body == b''
    assert 'access-control-allow-private-network' not in answer.headers
    allowed = answer.headers.get('access-control-allow-headers', '')
    ours = '127.0.0.1' in origin or origin in ('https://trusted.example', 'vscode-webview://1f')
    assert ours or allowed in ('', 'content-type')
    return 'access-control-allow-origin' in answer.headers


@pytest.mark.parametrize('method, path', MANAGEMENT, ids=lambda value: value)
def test_preflight_of_management(daemon, method, path):
    assert not preflight(daemon, method, path, 'http://evil.example')
    assert preflight(daemon, method, path, 'https://trusted.example')
    assert preflight(daemon, method, path, 'http://127.0.0.1:%d' % daemon.port)
    assert preflight(daemon, method, path, 'vscode-webview://1f')


@pytest.mark.parametrize(
    'method, path',
    [
        ('GET', '/api/models/unload'),  # has no such method, but the answer would be remembered for POST
        ('PUT', '/running'),
        ('POST', '//api//models/unload'),  # a redirect
        ('POST', '/api/./x/../models/unload'),
        ('GET', '/ui'),
        ('POST', '/upstream/a'),
        ('POST', '/upstream/a/x/v1/chat/completions'),  # the model server's own
        ('PUT', '/upstream/a/v1/chat/completions'),
        ('POST', '/comfyui/x/v1/chat/completions'),
    ],
)
def test_preflight_counts_all_routes_of_a_path(daemon, method, path):
    assert not preflight(daemon, method, path, 'http://evil.example')


def test_only_trusted_proxies_say_where_we_are(lab):
    page = {**SAFARI_15, 'Origin': 'http://evil.example', 'X-Forwarded-Host': 'evil.example'}
    for trusted, status in (('10.0.0.0/8', 403), ('127.0.0.0/8', 200)):
        daemon = lab.daemon({'a': ''}, trustedProxies=[trusted])
        assert daemon.post('/api/models/unload', headers=page).status == status
        assert daemon.post('/upstream/a/x', headers=page).status != 403 or status == 403


def test_preflight_of_models(daemon):
    for path in ('/v1/chat/completions', '/upstream/a/v1/chat/completions', '/upstream/x/y/v/embeddings', '/nowhere'):
        assert preflight(daemon, 'POST', path, 'http://evil.example'), path
    assert preflight(daemon, 'HEAD', '/upstream/a/props', 'http://evil.example')
    assert preflight(daemon, 'GET', '/v1/models', 'http://evil.example')


def test_allowed_origins_may_read(daemon):
    answer = daemon.get('/running', headers={**CHROME, 'Origin': 'https://trusted.example'})
    assert answer.status == 200 and answer.json == {'running': answer.json['running']}
    assert answer.headers['access-control-allow-origin'] == 'https://trusted.example'
    assert answer.headers['vary'] == 'Origin'


def test_sandbox(lab):
    for sandbox in (False, True):
        daemon = lab.daemon({'a': ''}, upstream={'sandbox': sandbox})
        answer = daemon.get('/upstream/a/page', headers={'X-Fake': 'bytes:3000'})
        assert answer.status == 200 and len(answer.body) == 3000
        policy = answer.headers.get('content-security-policy')
        assert policy == ('sandbox allow-scripts allow-forms' if sandbox else None)
        assert 'content-security-policy' not in daemon.chat('a').headers
        stream = daemon.post('/upstream/a/v1/chat/completions', daemon.chat_body('a', True))
        assert stream.complete and stream.events[-1] == '[DONE]'
        newest = '/api/metrics/activity?request_id=' + stream.headers['x-request-id']
        until(lambda: daemon.get(newest).json['total'] == 1, what='a row with the id of the request')


def test_proxies_that_are_believed(lab):
    def logged(daemon, agent, forwarded):
        daemon.get('/running', headers={'User-Agent': agent, 'X-Forwarded-For': forwarded})
        daemon.wait_for_log('"%s"' % agent)
        return next(line for line in daemon.log().splitlines() if '"%s"' % agent in line)

    assert 'Request 1.1.1.1 ' in logged(lab.daemon({'a': ''}), 'anybody', '1.1.1.1')
    assert 'Request 127.0.0.1 ' in logged(lab.daemon({'a': ''}, trustedProxies=['10.0.0.0/8']), 'nobody', '1.1.1.1')
    ours = lab.daemon({'a': ''}, trustedProxies=['127.0.0.0/8'])
    assert 'Request 1.1.1.1 ' in logged(ours, 'ours', '6.6.6.6, 1.1.1.1')
