"""The official `openai` and `anthropic` clients through the daemon, with fake models."""

import pytest

MESSAGES = [{'role': 'user', 'content': 'hello'}]


@pytest.fixture
def daemon(lab):
    return lab.daemon({'a': {'aliases': ['gpt-x']}, 'b': ''}, apiKeys=['key'])


@pytest.fixture
def openai(daemon):
    module = pytest.importorskip('openai', reason='the openai client is not installed')
    return module.OpenAI(base_url='http://127.0.0.1:%d/v1' % daemon.port, api_key='key', max_retries=0)


@pytest.fixture
def anthropic(daemon):
    module = pytest.importorskip('anthropic', reason='the anthropic client is not installed')
    return module.Anthropic(base_url='http://127.0.0.1:%d' % daemon.port, api_key='key', max_retries=0)


def test_chat(openai):
    for model, tag in (('a', 'a'), ('b', 'b'), ('gpt-x', 'a')):
        done = openai.chat.completions.create(model=model, messages=MESSAGES, max_tokens=3)
        assert done.choices[0].message.content == tag + ' 1 2' and done.usage.completion_tokens == 3


def test_streamed_chat(openai):
    for model in 'abab':
        stream = openai.chat.completions.create(
            model=model, messages=MESSAGES, stream=True, stream_options={'include_usage': True}
        )
        chunks = list(stream)
        assert ''.join(c.choices[0].delta.content or '' for c in chunks if c.choices) == model + ' 1 2 3'
        assert chunks[-1].usage.completion_tokens == 4 and chunks[-1].model_extra['timings']['predicted_n'] == 4


def test_embeddings_and_completions(openai):
    done = openai.embeddings.create(model='b', input=['one', 'two'], encoding_format='float')
    assert [d.embedding for d in done.data] == [[0.25, -0.5, 0.0], [0.25, -0.5, 1.0]]
    assert openai.completions.create(model='a', prompt='x').choices[0].text == 'a 1 2 3'


def test_responses(openai):
    assert openai.responses.create(model='a', input='x').output_text == 'a 1 2 3'
    events = list(openai.responses.create(model='b', input='x', stream=True))
    assert ''.join(e.delta for e in events if e.type == 'response.output_text.delta') == 'b 1 2 3'
    assert events[-1].type == 'response.completed'


def test_model_list(openai):
    assert [m.id for m in openai.models.list()] == ['a', 'b']


def test_errors(openai):
    import openai as module

    with pytest.raises(module.NotFoundError, match='no router for requested model'):
        openai.chat.completions.create(model='nobody', messages=MESSAGES)
    with pytest.raises(module.AuthenticationError):
        openai.with_options(api_key='wrong').chat.completions.create(model='a', messages=MESSAGES)


def test_messages(anthropic):
    for model in 'ab':
        done = anthropic.messages.create(model=model, messages=MESSAGES, max_tokens=4)
        assert done.content[0].text == model + ' 1 2 3' and done.usage.output_tokens == 4


def test_streamed_messages(anthropic):
    for model in 'abab':
        with anthropic.messages.stream(model=model, messages=MESSAGES, max_tokens=4) as stream:
            assert ''.join(stream.text_stream) == model + ' 1 2 3'
            assert stream.get_final_message().stop_reason == 'end_turn'


def test_token_count(anthropic):
    assert anthropic.messages.count_tokens(model='a', messages=MESSAGES).input_tokens > 0
