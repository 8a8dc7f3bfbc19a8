"""What filters and useModelName make of requests on their way to a model: its very bytes."""

import json
import queue

import pytest

from harness import wire
from harness.daemon import CHAT
from harness.waiting import patience

JSON = {'Content-Type': 'application/json'}

MODELS = {
    'm': {
        'aliases': ['nick'],
        'filters': {
            'stripParams': 'temperature, options.seed, model, mode\\l, model.x',
            'setParams': {'max_tokens': 16, 'chat_template_kwargs.enable_thinking': False, 'model': 'no', ':model': 'no'},
            'setParamsByID': {'m:wild': {'temperature': 2, 'max_tokens': 32}, 'm': {'own': None}},
        },
    },
    'named': {'aliases': ['known'], 'useModelName': 'org/real'},
    'both': {'useModelName': 'org/real', 'filters': {'setParams': {'x': 1}}},
    'tools': {'filters': {'setParams': {'tools.-1': {'type': 'web'}, 'stop.name': 1}}},
    'strips': {'filters': {'stripParams': 'a.b'}},
    'plain': {},
}


class Keeper:
    """A server that keeps the requests it gets."""

    def __init__(self, lab):
        self.origin = lab.origin()
        self.requests = queue.Queue()
        self.origin.serve(self.talk)

    def talk(self, peer):
        while request := peer.request():
            self.requests.put(request)
            peer.answer()

    def next(self):
        return self.requests.get(timeout=patience(10))


class Daemon:
    def __init__(self, lab, models, **settings):
        self.keeper, self.far = Keeper(lab), Keeper(lab)
        peer = {'proxy': 'http://127.0.0.1:%d' % self.far.origin.port, 'models': ['big', 'org/other']}
        peer['filters'] = {
            'stripParams': 'user',
            'setParams': {'top_k': 5},
            'setParamsByID': {'far/big': {'full': 1}, 'big': {'bare': 1}},
        }
        models = {name: self.keeper.origin.model(**model) for name, model in models.items()}
        groups = {'all': {'swap': False, 'members': list(models)}}
        self.daemon = lab.daemon(
            config={'startPort': lab.ports(), 'models': models, 'groups': groups, 'peers': {'far': peer}, **settings}
        )

    def sent(self, body, path=CHAT, headers=JSON, method='POST', keeper=None):
        """The request that the model got."""
        answer = self.daemon.request(method, path, body, headers=headers)
        assert answer.status == 200, answer
        return (keeper or self.keeper).next()


@pytest.fixture(scope='module')
def at(shared_lab):
    return Daemon(shared_lab, MODELS)


def test_the_rest_stays_as_it_was_written(at):
    body = (
        b'{ "big": 12345678901234567890, "f": 1.0e2,\t"dup":1,"dup":2, "temperature" : 0.70 ,\r\n'
        b'"max_tokens" :99, "esc":"\\u00e9\\/\\q", "model" :"m", "options":{ "seed":1 , "x":"\xc3\xa9" } }\n'
    )
    request = at.sent(body)
    assert request.body == (
        b'{ "big": 12345678901234567890, "f": 1.0e2,\t"dup":1,"dup":2 ,\r\n'
        b'"max_tokens" :16, "esc":"\\u00e9\\/\\q", "model" :"m", "options":{ "x":"\xc3\xa9" },'
        b'"chat_template_kwargs":{"enable_thinking":false},"own":null }\n'
    )
    assert request.header('Content-Length') == str(len(request.body))


def test_chunked_bodies_get_a_length(at):
    with at.daemon.wire() as w:
        w.send(wire.post(CHAT, '', ['Transfer-Encoding: chunked']))
        w.send(b'6\r\n{"mode\r\n8\r\nl":"nick\r\n2\r\n"}\r\n0\r\n\r\n')
        assert w.reply().status == 200
    request = at.keeper.next()
    assert request.body == b'{"model":"nick","chat_template_kwargs":{"enable_thinking":false},"max_tokens":16}'
    assert request.header('Transfer-Encoding') is None


@pytest.mark.parametrize(
    'name, more',
    [
        ('m', {'max_tokens': 16, 'own': None}),
        ('nick', {'max_tokens': 16}),
        ('m:wild', {'max_tokens': 32, 'temperature': 2}),
    ],
)
def test_parameters_by_the_requested_name(at, name, more):
    seen = json.loads(at.sent({'model': name, 'temperature': 1}).body)
    assert seen == {'model': name, 'chat_template_kwargs': {'enable_thinking': False}, **more}


def test_use_model_name(at):
    assert at.sent(b'{"a":1, "model":"named" ,"model":"x"}').body == b'{"a":1, "model":"org/real" ,"model":"x"}'
    assert at.sent(b'{"model":"known"}').body == b'{"model":"org/real"}'
    assert at.sent(b'{"y":2,"model":"both"}').body == b'{"y":2,"model":"org/real","x":1}'


def multipart(model):
    return (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        b'{"model":"named"}\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n--b\r\n'
        b'Content-Disposition: form-data; name="temperature"\r\n\r\n1\r\n--b--\r\n' % model
    )


FORM = {'Content-Type': 'multipart/form-data; boundary=b'}
URLENCODED = {'Content-Type': 'application/x-www-form-urlencoded'}


@pytest.mark.parametrize('prefix', ['', '/upstream/named'])
def test_multipart_takes_the_name_only(at, prefix):
    path = prefix + '/v1/audio/transcriptions'
    assert at.sent(multipart(b'named'), path, FORM).body == multipart(b'org/real')
    if not prefix:
        assert at.sent(multipart(b'm'), path, FORM).body == multipart(b'm')


def test_other_requests_are_left_alone(at):
    assert at.sent(b'model=named&a=1', '/v1/audio/voices', URLENCODED).body == b'model=named&a=1'
    for model in ('named', 'm'):
        request = at.sent(None, '/v1/audio/voices?model=' + model, JSON, 'GET')
        assert request.target == '/v1/audio/voices?model=' + model
        assert request.body == b'' and request.header('Content-Length') is None
    assert at.sent(b'{"model":"plain", "temperature":1}').body == b'{"model":"plain", "temperature":1}'


def test_get_with_a_body(at):
    assert at.sent(b'{"temperature":1}', '/props?model=nick', JSON, 'GET').body == (
        b'{"chat_template_kwargs":{"enable_thinking":false},"max_tokens":16}'
    )


@pytest.mark.parametrize(
    'name, body',
    [
        ('far/big', b'{"model":"big","full":1,"top_k":5}'),
        ('big', b'{"model":"big","bare":1,"top_k":5}'),
        ('org/other', b'{"model":"org/other","top_k":5}'),
    ],
)
def test_peers(at, name, body):
    seen = at.sent(b'{"user":"x","model":"%s"}' % name.encode(), keeper=at.far).body
    assert json.loads(seen) == json.loads(body)
    seen = at.sent(b'{"user":"x","model":"%s"}' % name.encode(), '/upstream/far/big' + CHAT, keeper=at.far).body
    assert b'"user"' not in seen and b'"full":1' in seen


def test_pins_are_requested_names(lab):
    at = Daemon(lab, MODELS, profiles={'p': {'pins': {'pinned': 'm:wild'}}})
    assert at.daemon.request('PUT', '/api/profiles/active', {'name': 'p'}).status == 200
    assert json.loads(at.sent({'model': 'pinned', 'temperature': 1}).body) == {
        'model': 'm:wild',
        'temperature': 2,
        'max_tokens': 32,
        'chat_template_kwargs': {'enable_thinking': False},
    }


UPSTREAM = '/upstream/m:wild'
EDITED = b'{"model":"x","chat_template_kwargs":{"enable_thinking":false},"max_tokens":32,"temperature":2}'


@pytest.mark.parametrize('path', [CHAT, '/chat/completions', '/v/chat/completions', '/v1%2Fembeddings', '/completion'])
def test_upstream_is_filtered_too(at, path):
    assert at.sent(b'{"temperature":1,"model":"x"}', UPSTREAM + path).body == EDITED


@pytest.mark.parametrize(
    'method, path, headers',
    [
        ('POST', '/slots', JSON),
        ('PUT', CHAT, JSON),
        ('POST', CHAT, {'Content-Type': 'text/plain'}),
    ],
)
def test_what_is_not_filtered_there(at, method, path, headers):
    assert at.sent(b'{"temperature":1}', UPSTREAM + path, headers, method).body == b'{"temperature":1}'


def test_upstream_use_model_name(at):
    assert at.sent(b'{"model":"any"}', '/upstream/known' + CHAT).body == b'{"model":"org/real"}'
    assert at.sent(b'{"a":1}', '/upstream/known' + CHAT).body == b'{"a":1}'
    assert at.sent(b'{"model":"any"}', '/upstream/both' + CHAT).body == b'{"model":"org/real","x":1}'


def test_upstream_bodies_from_nothing(at):
    everything = b'{"chat_template_kwargs":{"enable_thinking":false},"max_tokens":32,"temperature":2}'
    for body in (None, b'', b' \n'):
        assert at.sent(body, UPSTREAM + CHAT).body == everything
    request = at.sent(None, UPSTREAM + '/props', JSON, 'GET')
    assert request.body == b'' and request.header('Content-Length') is None
    assert at.sent(b'', '/upstream/strips' + CHAT).body == b''


def test_filter_upstream_off(lab):
    at = Daemon(lab, MODELS, upstream={'filterUpstream': False})
    body = b'{"temperature":1,"model":"x"}'
    for model in ('m:wild', 'known', 'both'):
        assert at.sent(body, '/upstream/' + model + CHAT).body == body
    assert json.loads(at.sent({'model': 'm'}).body)['max_tokens'] == 16


@pytest.mark.parametrize(
    'path, body, message',
    [
        (CHAT, b'{"model":"tools","stop":["x"]}', 'error setting parameter stop.name in request'),
        (CHAT, b'{"model":"tools","stop":{"x":1}', 'error setting parameter stop.name in request'),
        (CHAT, b'{"model":"strips","a":', 'error stripping parameter a.b from request'),
        (
            CHAT,
            b'{"model":"both","a":"',
            'error rewriting model name in JSON: the body is cut off or broken JSON',
        ),
        ('/upstream/strips' + CHAT, b'[1]', 'error stripping parameter a.b from request'),
        ('/upstream/tools' + CHAT, b'\x1f\x8b gzip', 'error setting parameter stop.name in request'),
    ],
)
def test_errors(at, path, body, message):
    answer = at.daemon.post(path, body, headers=JSON)
    assert answer.status == 500 and answer.message == message
    assert answer.json['error']['type'] == 'server_error'
    assert at.keeper.requests.empty()


def test_arrays(at):
    seen = at.sent(b'{"model":"tools","tools":[ {"type":"function"} ]}').body
    assert seen == b'{"model":"tools","tools":[ {"type":"function"},{"type":"web"} ],"stop":{"name":1}}'


def test_large_body(at):
    image = b'data:image/png;base64,' + b'QUJD\\u0041' * (5 << 20)
    messages = b'[{"role":"user","content":[{"type":"image_url","image_url":"%s"}]}]' % image
    body = b'{"temperature":1,"messages":%s,"max_tokens":1, "model":"m","n":0.10}' % messages
    assert len(body) > 40 << 20
    expected = body.replace(b'"temperature":1,', b'', 1).replace(b'"max_tokens":1,', b'"max_tokens":16,')
    expected = expected[:-1] + b',"chat_template_kwargs":{"enable_thinking":false},"own":null}'
    assert at.sent(body).body == expected


def test_numbers_keep_their_spelling(lab):
    text = """
macros: {tenth: 0.10}
models:
  m:
    cmd: sleep infinity
    proxy: http://127.0.0.1:%d
    checkEndpoint: none
    filters:
      setParams: {a: "${tenth}", b: 1e3, c: 123456789012345678901234567890, d: 0x10, e: [1.50, {f: "1.50"}]}
"""
    keeper = Keeper(lab)
    daemon = lab.daemon(config=text % keeper.origin.port)
    assert daemon.post(CHAT, b'{"model":"m","d":1}', headers=JSON).status == 200
    assert keeper.next().body == (
        b'{"model":"m","d":16,"a":0.10,"b":1e3,"c":123456789012345678901234567890,"e":[1.50,{"f":"1.50"}]}'
    )
