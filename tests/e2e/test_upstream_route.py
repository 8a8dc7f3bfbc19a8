"""/upstream/<model>/<path>: anything to a model chosen by the path."""

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


@pytest.mark.parametrize('path', ['/upstream/nobody/x', '/upstream/', '/upstream/nobody'])
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
