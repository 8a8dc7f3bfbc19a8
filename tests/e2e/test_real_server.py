"""A real llama-server with two real models, asked by the official clients in turn. Skipped where they are not installed
(scripts/fetch-demo-models; LLAMA_SWAP_DEMO_DIR names the folder)."""

import pytest

from harness import procs
from harness.waiting import patience, until

MESSAGES = [{'role': 'user', 'content': 'Say hello.'}]
COLD = {'temperature': 0}
FILES = {'smol': 'smol.gguf', 'gemma': 'gemma.gguf'}


@pytest.fixture
def daemon(lab, demo):
    def command(name):
        return (
            '%s/llama-server --host 127.0.0.1 --port ${PORT} -m %s/%s --alias %s'
            ' -c 1024 -t 1 -np 1 --embeddings' % (demo, demo, FILES[name], name)
        )

    return lab.daemon(
        config={
            'startPort': lab.ports(),
            'logToStdout': 'both',
            'unloadTimeout': 10,
            'models': {name: {'cmd': command(name), 'ttl': 0} for name in FILES},
        }
    )


@pytest.fixture
def openai(daemon):
    module = pytest.importorskip('openai', reason='the openai client is not installed')
    return module.OpenAI(base_url='http://127.0.0.1:%d/v1' % daemon.port, api_key='none', max_retries=0, timeout=120)


@pytest.fixture
def anthropic(daemon):
    module = pytest.importorskip('anthropic', reason='the anthropic client is not installed')
    return module.Anthropic(base_url='http://127.0.0.1:%d' % daemon.port, api_key='none', max_retries=0, timeout=120)


def servers(lab):
    """The model files that living llama-servers were given."""
    found = []
    for pid in lab.alive():
        words = procs.command(pid).split()
        if words and ('llama-server' in words[0] or 'llama_server.py' in ' '.join(words[:2])) and '-m' in words:
            found.append(words[words.index('-m') + 1].rsplit('/', 1)[1])
    return found


def only(lab, daemon, name):
    """The model that answered is the one asked for, and the only one there is."""
    assert servers(lab) == [FILES[name]], servers(lab)
    assert daemon.running() == {name: 'ready'}
    assert daemon.get('/props?model=' + name).json['model_path'].endswith('/' + FILES[name])


def test_alternating_clients(lab, daemon, openai):
    for name in ('smol', 'gemma', 'smol', 'gemma'):
        done = openai.chat.completions.create(model=name, messages=MESSAGES, max_tokens=8)
        assert done.model == name and done.usage.completion_tokens > 0
        only(lab, daemon, name)

        other = 'gemma' if name == 'smol' else 'smol'
        chunks = list(
            openai.chat.completions.create(
                model=other, messages=MESSAGES, max_tokens=8, stream=True, stream_options={'include_usage': True}
            )
        )
        assert {c.model for c in chunks} == {other} and chunks[-1].usage.completion_tokens > 0
        only(lab, daemon, other)

        vector = openai.embeddings.create(model=name, input='one sentence').data[0].embedding
        assert len(vector) == {'smol': 576, 'gemma': 640}[name]
        only(lab, daemon, name)


def test_alternating_anthropic_client(lab, daemon, anthropic):
    # Temperature 0: where an answer begins with half a character (an emoji of several tokens), this llama-server sends
    # no message_start, and the client makes nothing of the rest.
    for name in ('smol', 'gemma', 'smol', 'gemma'):
        with anthropic.messages.stream(model=name, messages=MESSAGES, max_tokens=8, extra_body=COLD) as stream:
            text = ''.join(stream.text_stream)
            final = stream.get_final_message()
        assert final.model == name and final.usage.output_tokens > 0 and text == ''.join(b.text for b in final.content)
        only(lab, daemon, name)


def test_unload_during_a_stream_is_quick(lab, daemon):
    """llama-server does not end while its client is connected."""
    stream = daemon.open(
        'POST', '/v1/chat/completions', daemon.chat_body('smol', True, max_tokens=900, ignore_eos=True), timeout=120
    )
    stream.read_until('data: ', 60)
    answer = daemon.get('/unload')
    assert answer.status == 200 and answer.took < patience(2)
    until(lambda: not servers(lab), patience(0.5))
    assert not stream.finish().complete


def test_back_to_back_streams(daemon):
    """The server closes connections shortly after each stream, unannounced: no request may be lost to that."""
    for n in range(40):
        answer = daemon.chat('smol', stream=True, max_tokens=1, timeout=120)
        assert answer.status == 200 and answer.complete and answer.events[-1] == '[DONE]', (n, answer)


def test_kill_of_the_daemon_ends_the_server(lab, daemon):
    assert daemon.chat('smol', max_tokens=1, timeout=120).status == 200
    daemon.kill()
    lab.wait_for_nobody(patience(2))
