"""/upstream/<model>/<path>: anything to a model chosen by the path."""

import urllib.parse

import pytest

from harness.waiting import stays


@pytest.fixture(scope='module')
def daemon(shared_lab):
    return shared_lab.daemon(
        {'a': {'aliases': ['alias']}, 'author/model': '', 'author': ''},
        groups={'g': {'swap': False, 'members': ['a', 'author/model', 'author']}},
    )


@pytest.mark.parametrize(
    'path, tag, seen',
    [
        ('/upstream/a/x', 'a', '/x'),
        ('/upstream/a/', 'a', '/'),
        ('/upstream/alias/some/path', 'a', '/some/path'),
        ('/upstream/author/model/v1/chat', 'author/model', '/v1/chat'),
        ('/upstream/author/v1/chat', 'author', '/v1/chat'),
        ('/upstream/author%2Fmodel/x%2Fy', 'author/model', '/x%2Fy'),
        ('/upstream/author/model/%252F', 'author/model', '/%252F'),
        ('/upstream/a/%C3%A9', 'a', '/%C3%A9'),
        ('/upstream/a/v/chat/completions', 'a', '/v/chat/completions'),
        ('/upstream/a/audioapi/v1/tasks/run', 'a', '/audioapi/v1/tasks/run'),
        ('/upstream/author/models', 'author', '/models'),
        ('/upstream/author/model%20/x', 'author', '/model%20/x'),
        ('/upstream/author/model/', 'author/model', '/'),
        ('/upstream/author%2Fmodel%2Fx', 'author/model', '/x'),
        ("/upstream/a/x;y=1/!$&'()*+,=:@~", 'a', "/x;y=1/!$&'()*+,=:@~"),
    ],
)
def test_longest_name_and_untouched_rest(daemon, path, tag, seen):
    answer = daemon.get(path, headers={'X-Fake': 'echo'})
    assert answer.status == 200 and (answer.json['tag'], answer.json['path']) == (tag, seen)


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
def test_any_method(daemon, method):
    answer = daemon.request(
        method, '/upstream/a/x?q=1', b'body', headers={'X-Fake': 'echo', 'Content-Type': 'text/x-odd'}
    )
    assert (answer.json['method'], answer.json['body'], answer.json['query']) == (method, 'body', 'q=1')


@pytest.mark.parametrize('path', ['/upstream/nobody/x', '/upstream/', '/upstream/nobody', '/upstream/A/x', '/upstream/alias%20/x'])
def test_unknown(daemon, path):
    answer = daemon.get(path)
    assert answer.status == 404 and answer.message == 'model not found'


@pytest.mark.parametrize('method, status', [('GET', 301), ('HEAD', 301), ('POST', 308)])
def test_redirect_to_the_slash(daemon, method, status):
    answer = daemon.request(method, '/upstream/a?q=1')
    assert answer.status == status and answer.headers['location'] == '/upstream/a/?q=1'


def test_assets_do_not_start_a_model(lab):
    daemon = lab.daemon({'a': ''})
    answer = daemon.get('/upstream/a/favicon.ico')
    assert answer.status == 409 and answer.message == 'model a is not loaded; path matches upstream.ignorePaths'
    stays(lambda: not lab.starts('a'), 0.1)
    daemon.served_by('a')
    assert daemon.get('/upstream/a/favicon.ico').status == 200


@pytest.mark.parametrize(
    'patterns, path, status',
    [
        (['^/static/', 'a b'], '/static/x', 409),
        (['^/static/', 'a b'], '/%73tatic/x', 409),
        (['^/static/', 'a b'], '/x/a%20b/y', 409),
        (['^/static/', 'a b'], '/x/static/', 200),
        (['^/static/', 'a b'], '/app.js?a%20b', 200),
        ([], '/x/app.js', 409),
        ([], '/data.json', 409),
        ([], '/app.js/x', 200),
    ],
)
def test_what_does_not_start_a_model(lab, patterns, path, status):
    daemon = lab.daemon({'a': ''}, upstream={'ignorePaths': patterns})
    assert daemon.get('/upstream/a' + path).status == status
    assert lab.starts('a') == (status == 200)


def test_a_model_that_starts_is_not_ready(lab):
    daemon = lab.daemon({'a': '--load 1h'})
    daemon.open_chat('a')
    daemon.wait_for_state('a', 'starting')
    assert daemon.get('/upstream/a/app.js').status == 409


ODD = ['a?b', '50%', 'modèle', 'a b', 'x#y', 'a/b/c', 'a+b', 'q"u', 'back\\slash', '%2F', 'a;b', 'a&b=c', '.hidden', 'a..b', 'org/.x']


@pytest.mark.parametrize('name', ODD)
def test_odd_names_can_be_written_everywhere(lab, name):
    daemon = lab.daemon({name: {'cmd': lab.fake('odd')}})
    quoted = urllib.parse.quote(name, safe='')
    assert daemon.chat(name).status == 200
    assert daemon.get('/props?model=' + quoted).status == 200
    form = {'Content-Type': 'application/x-www-form-urlencoded'}
    assert daemon.post('/v1/audio/voices', b'model=' + quoted.encode(), headers=form).status == 200
    location = daemon.get('/upstream/' + quoted).headers['location']
    echo = daemon.get(location + 'x%2Fy?z', headers={'X-Fake': 'echo'}).json
    assert (echo['path'], echo['query']) == ('/x%2Fy', 'z')
    assert daemon.request('HEAD', '/logs/stream/' + quoted).status == 200
    assert daemon.running() == {name: 'ready'}
    daemon.unload(quoted)
    assert daemon.running() == {}
