"""Captures: what is kept of requests and answers, who may see it, and what that costs in memory."""

import base64
import gzip
import json
import random
import zlib

import pytest

from harness import procs
from harness.daemon import CHAT
from harness.waiting import until


def row(daemon, count, headers=None):
    """The newest row, when there are that many."""
    path = '/api/metrics/activity?limit=1'
    until(lambda: daemon.get(path, headers=headers).json['total'] >= count, what='%d rows' % count)
    (found,) = daemon.get(path, headers=headers).json['data']
    return found


def capture(daemon, count):
    """What was captured of the newest request, its bodies decoded; None: nothing."""
    answer = daemon.get('/api/captures/%d' % row(daemon, count)['id'])
    newest = row(daemon, count)  # whether there is a capture is settled once it has been asked for
    if not newest['has_capture']:
        assert (answer.status, answer.message) == (404, 'capture not found')
        return None
    assert answer.status == 200 and answer.headers['content-type'] == 'application/json', answer
    assert not answer.text.endswith('\n')
    found = answer.json
    assert list(found)[:6] == ['id', 'req_path', 'req_headers', 'req_body', 'resp_headers', 'resp_body'], found
    assert found['id'] == newest['id'] and found['req_path'] == newest['req_path']
    for member in ('req_body', 'resp_body'):
        if found[member] is not None:
            found[member] = base64.b64decode(found[member], validate=True)
    return found


def serve(lab, *answers):
    """A model that gives these answers (header lines, body), one after the other."""
    origin = lab.origin()
    left = list(answers)

    def talk(peer):
        while peer.request():
            lines, body = left.pop(0)
            head = ['HTTP/1.1 200 OK', *lines, 'Content-Length: %d' % len(body), '', '']
            peer.send('\r\n'.join(head).encode() + body)

    origin.serve(talk)
    return origin


def test_plain_and_stream(lab):
    daemon = lab.daemon({'a': ''}, captures={'redact': ['X-Room']})
    secret = {'Authorization': 'Bearer hush', 'X-Goog-Api-Key': 'hush', 'X-Room': 'hush', 'X-Open': 'seen'}
    answer = daemon.chat('a', headers=secret)
    found = capture(daemon, 1)
    assert json.loads(found['req_body']) == daemon.chat_body('a')
    assert found['resp_body'] == answer.body
    headers = found['req_headers']
    assert headers['X-Open'] == 'seen' and headers['Content-Type'] == 'application/json'
    assert {headers[name] for name in ('Authorization', 'X-Goog-Api-Key', 'X-Room')} == {'[REDACTED]'}
    assert 'hush' not in daemon.get('/api/captures/1').text
    assert found['resp_headers']['Content-Type'] == answer.headers['content-type']
    assert found['resp_headers']['Content-Length'] == answer.headers['content-length']
    answer = daemon.chat('a', stream=True)
    found = capture(daemon, 2)
    assert found['resp_body'] == answer.body and b'data: [DONE]' in answer.body
    assert found['resp_headers']['Content-Type'].startswith('text/event-stream')
    for path, status, message in (
        ('3', 404, 'capture not found'),
        ('-1', 404, 'capture not found'),
        ('x', 400, 'invalid capture ID'),
        ('1.5', 400, 'invalid capture ID'),
    ):
        answer = daemon.get('/api/captures/' + path)
        assert (answer.status, answer.message) == (status, message), path


@pytest.mark.parametrize('coding', ['gzip', 'deflate', 'raw deflate'])
def test_coded_answers(lab, coding):
    plain = json.dumps({'text': 'over and over ' * 5000}).encode()
    raw = zlib.compressobj(wbits=-15)
    coded = {
        'gzip': gzip.compress(plain),
        'deflate': zlib.compress(plain),
        'raw deflate': raw.compress(plain) + raw.flush(),
    }[coding]
    head = ['Content-Type: application/json', 'Content-Encoding: ' + coding.split()[-1]]
    origin = serve(lab, (head, coded), (head, b'broken'), (head, coded[:-1]), ([], b''))
    daemon = lab.daemon({'a': origin.model()})
    answer = daemon.chat('a', headers={'Accept-Encoding': 'gzip, deflate'})
    assert answer.body == coded, 'the client gets what the model sends'
    found = capture(daemon, 1)
    assert found['resp_body'] == plain
    assert found['resp_headers'] == {'Content-Type': 'application/json'}
    for count in (2, 3, 4):
        assert daemon.chat('a').status == 200
        assert capture(daemon, count) is None, 'not to be decoded, or empty'


def test_parts_by_path(lab):
    daemon = lab.daemon({'a': ''})
    both, request, response, none = (True, True), (True, False), (False, True), (False, False)
    form = (
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="s.wav"\r\n\r\nRIFF\r\n--x--\r\n'
    )
    multipart = {'Content-Type': 'multipart/form-data; boundary=x'}
    cases = [
        ('/v1/audio/speech', {'model': 'a', 'input': 'hi'}, None, request),
        ('/upstream/a/v1/audio/speech', {'model': 'a', 'input': 'hi'}, None, request),
        ('/v1/images/generations', {'model': 'a'}, None, request),
        ('/sdapi/v1/txt2img', {'model': 'a'}, None, request),
        ('/v1/audio/voices', {'model': 'a'}, None, response),
        ('/v1/audio/transcriptions', form, multipart, response),
        ('/v1/images/edits', form, multipart, none),
        ('/sdapi/v1/img2img', {'model': 'a'}, None, none),
        ('/v1/embeddings', {'model': 'a', 'input': 'x'}, None, both),
        ('/upstream/a/v1/embeddings', {'model': 'a', 'input': 'x'}, None, both),
        ('/v/embeddings', {'model': 'a', 'input': 'x'}, None, both),
    ]
    for count, (path, body, headers, (keeps_request, keeps_response)) in enumerate(cases, 1):
        answer = daemon.post(path, body, headers=headers)
        assert answer.status == 200, (path, answer)
        found = capture(daemon, count)
        assert (found['req_body'] is not None, found['resp_body'] is not None) == (keeps_request, keeps_response), path
        assert found['req_headers'] and found['resp_headers']
        assert 'left_out' not in found
        if keeps_response:
            assert found['resp_body'] == answer.body
        assert found['req_path'] == path.replace('/upstream/a', '').replace('/v/', '/')
    assert daemon.get('/v1/audio/voices?model=a').status == 200
    assert row(daemon, len(cases))['id'] == len(cases), 'a GET is not recorded, so it is not captured'


def test_failures(lab):
    daemon = lab.daemon({'a': '', 'sick': '--fail-start 3'})
    for count, (model, fake, status) in enumerate(
        (('a', 'status:500', 500), ('a', 'status:201', 201), ('nobody', '', 404), ('sick', '', None)), 1
    ):
        answer = daemon.chat(model, fake)
        assert status in (None, answer.status)
        found = capture(daemon, count)
        assert found['resp_body'] is None and found['resp_headers']['Content-Type']
        assert json.loads(found['req_body'])['model'] == model
    stream = daemon.open_chat('a', 'events:100000/20ms', stream=True)
    stream.read_until('\n\n')
    stream.close()
    found = capture(daemon, 5)
    assert found['resp_body'].startswith(b'data:'), 'what has come until the client left'


def test_ids_of_requests(lab):
    daemon = lab.daemon({'a': ''})
    for count, (model, headers) in enumerate((('a', {'X-Request-ID': 'mine'}), ('a', {}), ('nobody', {})), 1):
        answer = daemon.chat(model, headers=headers)
        found = capture(daemon, count)
        assert list(found)[-1] == 'request_id'
        assert found['request_id'] == answer.headers['x-request-id'] == row(daemon, count)['request_id']


def test_the_body_as_it_was_sent(lab):
    """After filters and selectors, without the name that only a peer uses."""
    models = {'a': {'useModelName': 'theirs', 'filters': {'stripParams': 'seed', 'setParams': {'top_p': 0.5}}}}
    behind = lab.daemon({'m': ''})
    peers = {'hub': {'proxy': 'http://127.0.0.1:%d' % behind.port, 'models': ['m'], 'filters': {'setParams': {'n': 1}}}}
    daemon = lab.daemon(models, peers=peers, selectors={'best': {'strategy': 'pin', 'targets': ['hub/m']}})
    echo = {'X-Fake': 'echo'}
    for count, path in enumerate((CHAT, '/upstream/a' + CHAT), 1):
        answer = daemon.post(path, daemon.chat_body('a', seed=7), headers=echo)
        sent = capture(daemon, count)['req_body']
        assert json.loads(sent) == dict(daemon.chat_body('theirs'), top_p=0.5), path
        assert answer.json['body'].encode() == sent
    upstream = '/upstream/hub/m' + CHAT
    cases = ((CHAT, 'hub/m', 'hub/m'), (CHAT, 'm', 'm'), (CHAT, 'best', 'hub/m'), (upstream, 'hub/m', 'hub/m'))
    for count, (path, asked, name) in enumerate(cases, 3):
        answer = daemon.post(path, daemon.chat_body(asked), headers=echo)
        sent = json.loads(capture(daemon, count)['req_body'])
        assert sent == dict(daemon.chat_body(name), n=1), (path, asked)
        assert json.loads(answer.json['body']) == dict(sent, model='m')


def noise(size):
    """Text that does not compress."""
    return bytes(random.Random(size).choices(range(32, 127), k=size))


def test_oldest_go_first(lab):
    answers = [([], noise(400_000 + i)) for i in range(5)] + [([], noise(2_000_000))]
    daemon = lab.daemon({'a': serve(lab, *answers).model()}, captureBuffer=1)
    for count in range(1, 6):
        daemon.chat('a')
        assert capture(daemon, count)['resp_body'] == answers[count - 1][1]
    has = {r['id']: r['has_capture'] for r in daemon.get('/api/metrics/activity').json['data']}
    assert has == {1: False, 2: False, 3: True, 4: True, 5: True}
    assert daemon.get('/api/captures/1').status == 404 and daemon.get('/api/captures/5').status == 200
    assert daemon.chat('a').status == 200 and row(daemon, 6)['id'] == 6
    assert daemon.get('/api/captures/6').status == 404, 'it alone is larger than the buffer'
    assert row(daemon, 6)['has_capture'] is False
    assert daemon.get('/api/captures/5').status == 200


def test_a_large_one(lab):
    body = b'all work and no play\n' * 400_000
    daemon = lab.daemon({'a': serve(lab, ([], body)).model()})
    sent = json.dumps({'model': 'a', 'prompt': 'no play ' * 300_000}).encode()
    answer = daemon.post('/v1/completions', sent, headers={'Content-Type': 'application/json'})
    assert answer.body == body
    found = capture(daemon, 1)
    assert found['resp_body'] == body and found['req_body'] == sent


def test_what_is_not_captured(lab):
    for settings in ({'captureBuffer': 0}, {'captures': {'enabled': False}}, {'captures': {'models': ['b*']}}):
        daemon = lab.daemon({'a': '', 'b': ''}, **settings)
        assert daemon.chat('a').status == 200
        assert capture(daemon, 1) is None, settings
    daemon.chat('b')
    assert capture(daemon, 2)


def test_reload(lab):
    config = lab.config({'a': ''})
    daemon = lab.daemon(config=config)
    daemon.chat('a')
    assert capture(daemon, 1)
    daemon.reload(dict(config, logLevel='info'))
    assert capture(daemon, 1), 'nothing has changed for it'
    daemon.reload(dict(config, captures={'redact': ['X-Mine']}))
    assert capture(daemon, 1) is None
    daemon.chat('a')
    assert capture(daemon, 2)
    daemon.reload(dict(config, captureBuffer=0))
    assert capture(daemon, 2) is None
    daemon.reload(config)
    daemon.chat('a')
    assert capture(daemon, 3)
    daemon.reload(dict(config, store={'path': str(lab.folder / 'other.db')}))
    assert daemon.get('/api/captures/3').status == 404, 'these ids are of other rows'


def test_roles(lab):
    keys = [{'key': role + '-key', 'name': role, 'role': role} for role in ('user', 'operator', 'admin')]
    daemon = lab.daemon({'a': ''}, apiKeys=keys)
    bearer = {role: {'Authorization': 'Bearer %s-key' % role} for role in ('user', 'operator', 'admin')}
    assert daemon.chat('a', headers=bearer['user']).status == 200
    assert row(daemon, 1, bearer['operator'])['has_capture'] is True
    assert daemon.get('/api/captures/1').status == 401
    assert daemon.get('/api/captures/1', headers=bearer['user']).status == 403
    assert daemon.get('/api/captures/1', headers=bearer['operator']).status == 403
    answer = daemon.get('/api/captures/1', headers=bearer['admin'])
    assert answer.status == 200 and answer.json['req_headers']['Authorization'] == '[REDACTED]'
    assert 'user-key' not in answer.text


@pytest.mark.memory
def test_memory_is_bounded(lab):
    daemon = lab.daemon({'a': ''}, captures={'maxItem': 1})
    size = 64 << 20
    daemon.chat('a')
    before = daemon.memory_kib()
    # Of unknown length, so that it has to be followed to find out.
    futures = [daemon.start_chat('a', 'bytes:%d,eof' % size) for _ in range(4)]
    assert [len(future.result().body) for future in futures] == [size] * 4
    found = capture(daemon, 5)
    assert found['resp_body'] is None and found['left_out'] == ['resp_body']
    assert found['req_body']
    assert procs.peak_memory_kib(daemon.pid) - before < 24 << 10


def test_a_key_of_some_models_reads_those(lab):
    key, few = 'all-key', 'few-key'
    keys = [key, {'key': few, 'name': 'few', 'role': 'admin', 'models': ['b']}]
    daemon = lab.daemon({'a': '', 'b': ''}, apiKeys=keys)

    def bearer(text):
        return {'Authorization': 'Bearer ' + text}

    ids = {}
    for count, model in enumerate('ab', 1):
        assert daemon.chat(model, headers=bearer(key)).status == 200
        ids[model] = row(daemon, count, bearer(key))['id']
    for asks, model, status in ((key, 'a', 200), (key, 'b', 200), (few, 'a', 404), (few, 'b', 200)):
        answer = daemon.get('/api/captures/%d' % ids[model], headers=bearer(asks))
        assert answer.status == status, (asks, model, answer)


def test_a_request_from_before_a_reload_shows_nothing_that_is_secret_now(lab):
    daemon = lab.daemon({'a': ''})
    running = daemon.busy_chat('a', 'hold:1s', headers={'X-Room': 'hush'})
    config = json.loads(daemon.config_file.read_text())
    config['captures'] = {'redact': ['X-Room']}
    daemon.reload(config)
    assert not running.done() and running.result().status == 200
    assert capture(daemon, 1) is None
    assert daemon.chat('a', headers={'X-Room': 'hush'}).status == 200
    assert capture(daemon, 2)['req_headers']['X-Room'] == '[REDACTED]'
