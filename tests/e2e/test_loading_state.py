"""sendLoadingState: what a client that wants a stream is shown while its model loads."""

import gzip
import json

import pytest

from harness.waiting import until

SLOW = '--load 400ms'
MESSAGES = [{'role': 'user', 'content': 'hello'}]


def events(text):
    """[(name, data)]: every event whole, data parsed but for [DONE]."""
    assert text.endswith('\n\n'), text
    found = []
    for block in text[:-2].split('\n\n'):
        fields = dict(line.split(': ', 1) for line in block.split('\n'))
        if '' in fields:  # a comment
            continue
        data = fields['data']
        found.append((fields.get('event'), data if data == '[DONE]' else json.loads(data)))
    return found


def stream(daemon, path, model, **more):
    body = {'model': model, 'stream': True, **more}
    answer = daemon.post(path, body)
    assert answer.status == 200 and answer.complete
    assert answer.headers['content-type'].startswith('text/event-stream')
    return events(answer.text)


def loading(found):
    return ''.join(data['llama_swap']['loading'] for _, data in found if 'llama_swap' in data)


@pytest.fixture
def daemon(lab):
    return lab.daemon({'a': SLOW, 'b': SLOW}, sendLoadingState=True, loadingStateOn='all')


@pytest.mark.parametrize('path', ['/v1/chat/completions', '/v/chat/completions'])
def test_chat(daemon, path):
    found = stream(daemon, path, 'a', messages=MESSAGES)
    text = ''
    for _, data in found:
        if 'llama_swap' in data:
            assert data['object'] == 'chat.completion.chunk' and data['id'] and data['model'] == 'a'
            (choice,) = data['choices']
            assert choice['index'] == 0 and choice['finish_reason'] is None
            assert choice['delta']['reasoning_content'] == data['llama_swap']['loading']
            text += choice['delta']['reasoning_content']
    assert text.startswith('━━━━━\nllama-swap loading model: a\n')
    assert '\nDone! (' in text and text.endswith('s)\n━━━━━\n \n')
    assert 'a 1 2 3' in ''.join(
        d['choices'][0]['delta'].get('content') or '' for _, d in found[:-1] if d.get('choices')
    )
    assert found[-1][1] == '[DONE]'


def test_nothing_for_a_ready_model_or_without_a_stream(daemon):
    assert 'loading' not in daemon.chat('a').text
    assert loading(stream(daemon, '/v1/chat/completions', 'a', messages=MESSAGES)) == ''


@pytest.mark.parametrize('path', ['/v/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages'])
def test_only_chats_unless_told_otherwise(lab, path):
    daemon = lab.daemon({'a': SLOW}, sendLoadingState=True)
    text = daemon.post(path, {'model': 'a', 'stream': True, 'messages': MESSAGES, 'max_tokens': 4}).text
    assert 'llama_swap' not in text and 'data:' in text
    daemon.unload('a')
    assert 'loading model: a' in daemon.chat('a', stream=True).text


@pytest.mark.parametrize('everywhere', [False, True])
def test_each_model_may_differ(lab, everywhere):
    daemon = lab.daemon({'as all': SLOW, 'other': {'flags': SLOW, 'sendLoadingState': not everywhere}}, sendLoadingState=everywhere)
    for model, shown in (('as all', everywhere), ('other', not everywhere)):
        assert ('loading model: ' + model in daemon.chat(model, stream=True).text) == shown


def test_nothing_of_ours_below_upstream_and_for_peers(lab):
    far = lab.start_fake('far', SLOW)
    peers = {'p': {'proxy': 'http://127.0.0.1:%d' % far.port, 'models': ['far']}}
    daemon = lab.daemon({'a': SLOW}, sendLoadingState=True, loadingStateOn='all', peers=peers)
    for path, model in (('/upstream/a/v1/chat/completions', 'a'), ('/v1/chat/completions', 'far')):
        answer = daemon.post(path, {'model': model, 'stream': True, 'messages': MESSAGES})
        assert answer.status == 200 and answer.events[-1] == '[DONE]' and 'loading' not in answer.text


@pytest.mark.parametrize(
    'spelling, streams',
    [('true', True), ('"true"', True), ('"T"', True), ('"1"', True), ('2', True), ('false', False), ('0', False), ('"yes"', False)],
)
def test_ways_to_ask_for_a_stream(lab, spelling, streams):
    daemon = lab.daemon({'a': '--load 100ms'}, sendLoadingState=True)
    body = b'{"model":"a","messages":[],"stream":%s}' % spelling.encode()
    answer = daemon.post('/v1/chat/completions', body, headers={'Content-Type': 'application/json'})
    assert ('loading model: a' in answer.text) == streams


def test_head_of_the_stream(daemon):
    answer = daemon.chat('a', stream=True)
    wanted = {'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no'}
    assert wanted.items() <= answer.headers.items()


def test_completions_get_no_text_of_ours(daemon):
    found = stream(daemon, '/v1/completions', 'a', prompt='x')
    assert 'loading model: a' in loading(found)
    assert ''.join(d['choices'][0]['text'] for _, d in found if d != '[DONE]' and d['choices']) == 'a 1 2 3'


def test_responses(daemon):
    text = daemon.post('/v1/responses', {'model': 'a', 'stream': True, 'input': 'x'}).text
    comments, rest = text[: text.index('event:')], text[text.index('event:') :]
    facts = [json.loads(c.removeprefix(': llama_swap ')) for c in comments.split('\n\n')[:-1]]
    assert 'loading model: a' in facts[0]['loading'] and facts[0]['model'] == 'a'
    names = [name for name, _ in events(rest)]
    assert names[0] == 'response.created' and names[-1] == 'response.completed'


def test_messages(daemon):
    found = stream(daemon, '/v1/messages', 'a', messages=MESSAGES, max_tokens=4)
    ours = [name for name, data in found if 'llama_swap' in data]
    assert set(ours) == {'ping'} and 'loading model: a' in loading(found)
    assert found[len(ours)][0] == 'message_start' and found[-1][0] == 'message_stop'


def test_the_queue_is_told_truly(lab):
    daemon = lab.daemon({'a': SLOW, 'b': SLOW}, sendLoadingState=True, loadingStateOn='all')
    daemon.served_by('b')
    daemon.unload('b')  # its load is measured now
    with_a = daemon.busy_chat('a', 'hold:800ms')
    found = events(daemon.chat('b', stream=True).text)
    facts = [data['llama_swap'] for _, data in found if 'llama_swap' in data]
    assert facts[0]['waiting_for'] == 'busy' and facts[0]['blockers'] == ['a'] and facts[0]['queue_position'] == 1
    text = ''.join(f['loading'] for f in facts)
    assert 'Queue position: #1' in text and 'Waiting for a to finish' in text
    assert any(0 < f.get('expected_seconds', 0) < 10 for f in facts)
    elapsed = [f['elapsed_seconds'] for f in facts]
    assert elapsed == sorted(elapsed) and elapsed[-1] > 0.4
    assert with_a.result().status == 200


@pytest.mark.parametrize(
    'path, name, done',
    [
        ('/v1/chat/completions', None, True),
        ('/v1/completions', None, True),
        ('/v1/responses', 'error', False),
        ('/v1/messages', 'error', False),
    ],
)
def test_a_failed_load_ends_the_stream_with_an_error_event(lab, path, name, done):
    daemon = lab.daemon({'dead': '--print lost --bind-delay 300ms --fail-start 3'}, sendLoadingState=True, loadingStateOn='all')
    found = stream(daemon, path, 'dead', messages=MESSAGES)
    if done:
        assert found.pop()[1] == '[DONE]'
    event, data = found[-1]
    assert event == name
    assert data['error']['message'] == 'unspecific error: upstream command exited prematurely'
    assert data['error']['details'] == ['lost']
    if name:
        assert data['type'] == 'error'


STREAM = b'data: {"choices":[]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    'status, more, body, last',
    [
        ('200 OK', b'Content-Type: text/event-stream', STREAM, {'choices': []}),
        ('200 OK', b'Content-Type: application/json', b'{"choices":\n[]}', {'choices': []}),
        ('200 OK', b'Content-Type: text/event-stream\r\nContent-Encoding: gzip', gzip.compress(STREAM), 'bad_gateway'),
        ('400 Bad', b'Content-Type: application/json', b'{"error":{"code":400}}', {'error': {'code': 400}}),
        ('500 Bad', b'Content-Type: text/plain', b'out of\nmemory', 'internal_error'),
        ('302 Found', b'Location: /elsewhere', b'', 'internal_error'),
        (None, None, None, 'bad_gateway'),
    ],
)
def test_what_the_server_answers_becomes_the_rest_of_the_stream(lab, status, more, body, last):
    origin = lab.origin()
    daemon = lab.daemon({'a': origin.model(checkEndpoint='/health')}, sendLoadingState=True)
    stream = daemon.open_chat('a', stream=True, headers={'Accept-Encoding': 'gzip'})
    probe = origin.accept()
    assert probe.request().target == '/health'
    stream.read_until('loading model: a')
    probe.answer()
    probe.end_sending()
    server = origin.accept()
    assert server.request().header('Accept-Encoding') is None
    if status:
        server.send(b'HTTP/1.1 %s\r\n%s\r\nContent-Length: %d\r\n\r\n' % (status.encode(), more, len(body)) + body)
    server.close()
    answer = stream.finish()
    assert answer.status == 200 and answer.complete
    found = [data for _, data in events(answer.text)]
    assert found.pop() == '[DONE]'
    assert last in (found[-1], found[-1].get('error', {}).get('code'))


def test_openai_clients_read_the_stream(daemon):
    module = pytest.importorskip('openai', reason='the openai client is not installed')
    client = module.OpenAI(base_url='http://127.0.0.1:%d/v1' % daemon.port, api_key='x', max_retries=0)
    with client.chat.completions.stream(model='a', messages=MESSAGES) as chat:
        for _ in chat:
            pass
        message = chat.get_final_completion().choices[0].message
    assert message.content == 'a 1 2 3' and message.role == 'assistant'
    with client.responses.stream(model='b', input='x') as responses:
        for _ in responses:
            pass
        assert responses.get_final_response().output_text == 'b 1 2 3'


def test_anthropic_clients_read_the_stream(daemon):
    module = pytest.importorskip('anthropic', reason='the anthropic client is not installed')
    client = module.Anthropic(base_url='http://127.0.0.1:%d' % daemon.port, api_key='x', max_retries=0)
    with client.messages.stream(model='b', messages=MESSAGES, max_tokens=4) as messages:
        assert ''.join(messages.text_stream) == 'b 1 2 3'


def test_clients_raise_what_ends_a_stream(lab):
    openai = pytest.importorskip('openai', reason='the openai client is not installed')
    anthropic = pytest.importorskip('anthropic', reason='the anthropic client is not installed')
    daemon = lab.daemon({'dead': '--bind-delay 300ms --fail-start 3'}, sendLoadingState=True, loadingStateOn='all')
    base = 'http://127.0.0.1:%d' % daemon.port
    client = openai.OpenAI(base_url=base + '/v1', api_key='x', max_retries=0)
    with pytest.raises(openai.APIError, match='exited prematurely'):
        list(client.chat.completions.create(model='dead', messages=MESSAGES, stream=True))
    with pytest.raises(openai.APIError, match='exited prematurely'):
        list(client.responses.create(model='dead', input='x', stream=True))
    with pytest.raises(anthropic.APIStatusError, match='exited prematurely'):
        other = anthropic.Anthropic(base_url=base, api_key='x', max_retries=0)
        list(other.messages.create(model='dead', messages=MESSAGES, max_tokens=4, stream=True))


def test_a_client_that_leaves_gives_up_its_place(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, sendLoadingState=True, loadingStateOn='all')
    busy = daemon.busy_chat('a', 'hold:1s')
    waiting = daemon.open_chat('b', stream=True)
    waiting.close()
    assert busy.result().status == 200
    until(lambda: daemon.running() == {'a': 'ready'})
    assert lab.starts('b') == 0
