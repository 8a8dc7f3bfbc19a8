"""Errors of the daemon's own, in the words of the endpoint they are an answer of."""

import pytest

MESSAGES = [{'role': 'user', 'content': 'hello'}]
DEAD = '--print-err "out of memory" --fail-start 3'


@pytest.fixture
def daemon(lab):
    return lab.daemon({'dead': DEAD, 'a': ''})


def test_a_start_failure_says_what_the_server_said(daemon):
    answer = daemon.chat('dead')
    assert answer.status == 503 and int(answer.headers['retry-after']) > 0
    assert answer.json == {
        'src': 'llama-swap',
        'error': {
            'message': 'unspecific error: upstream command exited prematurely',
            'type': 'server_error',
            'param': None,
            'code': 'service_unavailable',
            'details': ['out of memory'],
        },
    }
    plain = daemon.chat('dead', headers={'Accept': 'text/plain'})
    assert plain.status == 503
    assert plain.text == 'llama-swap: unspecific error: upstream command exited prematurely'


def test_details_are_the_last_lines(lab):
    daemon = lab.daemon({'dead': {'cmd': "sh -c 'seq 1 5000; exit 1'", 'proxy': 'http://127.0.0.1:%d' % lab.port()}})
    assert daemon.chat('dead').json['error']['details'] == [str(n) for n in range(4981, 5001)]


@pytest.mark.parametrize('path', ['/v1/messages', '/v/messages', '/v1/messages/count_tokens', '/upstream/none/v1/messages'])
def test_messages_api(daemon, path):
    answer = daemon.post(path, {'model': 'none', 'messages': MESSAGES})
    assert answer.status == 404 and answer.json['type'] == 'error'
    assert answer.json['error']['type'] == 'not_found_error' and answer.json['error']['message']


def test_clients_raise_their_own_exceptions(lab):
    openai = pytest.importorskip('openai', reason='the openai client is not installed')
    anthropic = pytest.importorskip('anthropic', reason='the anthropic client is not installed')
    daemon = lab.daemon({'dead': DEAD, 'a': {'concurrencyLimit': 1}}, apiKeys=['key'])
    base = 'http://127.0.0.1:%d' % daemon.port
    one = openai.OpenAI(base_url=base + '/v1', api_key='key', max_retries=0)
    other = anthropic.Anthropic(base_url=base, api_key='key', max_retries=0)

    def ask_one(model, client=one):
        client.chat.completions.create(model=model, messages=MESSAGES)

    def ask_other(model, client=other):
        client.messages.create(model=model, messages=MESSAGES, max_tokens=4)

    for module, ask, client in ((openai, ask_one, one), (anthropic, ask_other, other)):
        with pytest.raises(module.NotFoundError, match='no router for requested model'):
            ask('none')
        with pytest.raises(module.AuthenticationError, match='invalid or missing API key'):
            ask('a', client.with_options(api_key='wrong'))
        with pytest.raises(module.InternalServerError, match='exited prematurely') as caught:
            ask('dead')
        assert caught.value.status_code == 503
        busy = daemon.busy_chat('a', 'hold:1s', headers={'Authorization': 'Bearer key'})
        with pytest.raises(module.RateLimitError, match='Too many requests'):
            ask('a')
        assert busy.result().status == 200


def test_clients_try_again_when_told(lab):
    openai = pytest.importorskip('openai', reason='the openai client is not installed')
    daemon = lab.daemon({'a': {'concurrencyLimit': 1}})
    client = openai.OpenAI(base_url='http://127.0.0.1:%d/v1' % daemon.port, api_key='x', max_retries=3)
    daemon.served_by('a')
    busy = daemon.busy_chat('a', 'hold:500ms')
    answer = client.chat.completions.create(model='a', messages=MESSAGES)
    assert answer.choices[0].message.content.startswith('a 1')
    assert busy.result().status == 200 and daemon.log().count(' 429 ') >= 1
