"""Lines as JSON, what they say about a request, its id, and priorities for the journal."""

import json
import os
import re

import pytest

from harness import wire
from harness.daemon import CHAT
from harness.waiting import patience, until

TIME = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
MADE = re.compile(r'^[0-9a-f]{16}$')


def lines(text):
    """Every line of a log in JSON."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(TIME.match(line['time']) for line in found), text
    return found


def access(daemon, path):
    return [line for line in lines(daemon.log()) if line['msg'] == 'request' and line['path'] == path]


def test_lines_are_objects(lab):
    bad = {'cmd': 'false', 'proxy': 'http://127.0.0.1:1'}
    daemon = lab.daemon({'a': '', 'bad': bad}, logFormat='json', logTimeFormat='kitchen')
    daemon.served_by('a')
    passed = [line for line in lines(daemon.log()) if line['msg'].startswith('Health check passed')]
    assert passed and passed[0]['model'] == 'a' and passed[0]['level'] == 'info'
    assert daemon.chat('bad').status == 503
    (failed,) = [line for line in lines(daemon.log()) if line['msg'].startswith('group: starting bad failed: ')]
    assert failed['model'] == 'bad' and failed['level'] == 'warn'
    until(lambda: 'Health check passed' in daemon.output(), patience(2))
    lines(daemon.output())
    stream = daemon.open('GET', '/logs/stream/proxy')
    assert lines(stream.read_until('"/logs"', patience(5)).text.rpartition('\n')[0])


def test_access_lines_have_members(lab):
    key = {'key': 'secret-key', 'name': 'anna', 'role': 'operator'}
    daemon = lab.daemon({'a': {'flags': '', 'aliases': ['nick']}}, logFormat='json', apiKeys=[key], wait=False)
    daemon.wait_until_up()
    headers = {'Authorization': 'Bearer secret-key', 'User-Agent': 'me "1.0"', 'X-Request-ID': 'mine-1'}
    assert daemon.chat('nick', 'bytes:5', headers=headers).status == 200
    log = daemon.get('/logs', headers=headers).text
    (line,) = [line for line in lines(log) if line['msg'] == 'request' and line['path'] == CHAT]
    assert line.pop('duration_ms') > 0 and TIME.match(line.pop('time'))
    assert line == {
        'level': 'info', 'msg': 'request', 'request_id': 'mine-1', 'model': 'a', 'key': 'anna', 'client': '127.0.0.1',
        'method': 'POST', 'path': CHAT, 'proto': 'HTTP/1.1', 'status': 200, 'bytes': 5, 'user_agent': 'me "1.0"',
    }  # fmt: skip
    assert 'secret-key' not in log


def test_output_of_models_is_wrapped_in_the_combined_log_only(lab):
    daemon = lab.daemon({'a': '--print from-a'}, logFormat='json', logToStdout='both')
    daemon.served_by('a')

    def of_model():
        return [line for line in lines(daemon.log()) if line.get('source') == 'upstream']

    until(of_model, patience(3))
    line = of_model()[0]
    del line['time']
    assert line == {'level': 'info', 'source': 'upstream', 'model': 'a', 'msg': 'from-a'}
    for source in ('/a', '/upstream'):
        stream = daemon.open('GET', '/logs/stream' + source)
        assert stream.read_until('from-a\n', patience(5)).text == 'from-a\n'


def test_format_changes_by_reload(lab):
    config = lab.config({'a': ''})
    daemon = lab.daemon(config=config)
    daemon.get('/one')
    daemon.reload(dict(config, logFormat='json'))
    daemon.get('/two')
    daemon.reload(config)
    daemon.get('/three')
    text = daemon.log()
    assert re.search(r'^\[INFO\] Request 127.0.0.1 "GET /one ', text, re.M)
    assert [json.loads(line) for line in text.splitlines() if '"path":"/two"' in line]
    assert re.search(r'^\[INFO\] Request 127.0.0.1 "GET /three ', text, re.M)


def test_ids_of_requests(lab):
    daemon = lab.daemon({'a': ''}, logFormat='json')
    echo = daemon.served_by('a')
    sent = dict(echo['headers'])
    assert MADE.match(sent['X-Request-ID']), 'the model server is told'
    assert access(daemon, CHAT)[0]['request_id'] == sent['X-Request-ID']

    answer = daemon.chat('a', 'echo', headers={'X-Request-ID': 'mine-1'})
    assert answer.headers['x-request-id'] == 'mine-1'
    assert [v for n, v in answer.json['headers'] if n.lower() == 'x-request-id'] == ['mine-1']

    answer = daemon.chat('a', 'header:X-Request-ID=theirs', headers={'X-Request-ID': 'mine-2'})
    assert answer.headers['x-request-id'] == 'theirs', 'what the model server calls it'
    assert access(daemon, CHAT)[-1]['request_id'] == 'mine-2'

    seen = {daemon.get(path).headers['x-request-id'] for path in ('/health', '/v1/models', '/nowhere', '/logs')}
    assert len(seen) == 4 and all(MADE.match(i) for i in seen)


@pytest.mark.parametrize('value', ['with space', 'x' * 129, 'a"b', '<b>'])
def test_ids_that_are_not_taken_over(lab, value):
    daemon = lab.daemon({}, logFormat='json')
    answer = daemon.get('/x', headers={'X-Request-ID': value})
    assert MADE.match(answer.headers['x-request-id'])
    assert access(daemon, '/x')[0]['request_id'] == answer.headers['x-request-id']


def test_no_id_of_the_request_before(lab):
    """A head that is refused has no id, least of all that of its predecessor on the connection."""
    daemon = lab.daemon({})
    with daemon.wire() as w:
        w.send(wire.get('/health', ['X-Request-ID: first']))
        assert w.reply().headers['x-request-id'] == 'first'
        w.send('GET / HTTP/1.1\r\nBad Header\r\n\r\n')
        refused = w.reply()
    assert refused.status == 400 and 'x-request-id' not in refused.headers


def test_failures_name_their_request(lab):
    daemon = lab.daemon({'a': ''}, logFormat='json')
    daemon.chat('a', 'die', headers={'X-Request-ID': 'unlucky'})
    found = [line for line in lines(daemon.log()) if 'proxy error' in line['msg']]
    assert found and found[0]['request_id'] == 'unlucky' and found[0]['model'] == 'a' and found[0]['level'] == 'warn'


@pytest.mark.parametrize('form', ['text', 'json'])
def test_journal_priorities(lab, form):
    read, write = os.pipe()
    info = os.fstat(write)
    env = {'JOURNAL_STREAM': '%d:%d' % (info.st_dev, info.st_ino)}
    daemon = lab.daemon({'a': '--print from-a'}, stdout=write, env=env, logToStdout='both', logFormat=form)
    os.close(write)
    os.set_blocking(read, False)
    daemon.chat('a', 'die')
    seen = b''

    def warned():
        nonlocal seen
        try:
            seen += os.read(read, 1 << 16)
        except BlockingIOError:
            pass
        return b'proxy error' in seen and seen.endswith(b'\n')

    until(warned, patience(5), 'the warning on stdout')
    os.close(read)
    text = seen.decode()
    assert all(re.match(r'<[3467]>', line) for line in text.splitlines()), text
    levels = {'<7>': 'debug', '<6>': 'info', '<4>': 'warn', '<3>': 'error'}
    for line in text.splitlines():
        level = json.loads(line[3:])['level'] if form == 'json' else line[4:].partition(']')[0].lower()
        if 'from-a' not in line:
            assert levels[line[:3]] == level, line
    assert not re.search(r'^<\d>', daemon.log(), re.M), 'what is kept has no priorities'


def test_no_priorities_elsewhere(lab):
    daemon = lab.daemon({}, env={'JOURNAL_STREAM': '1:1'})
    until(lambda: '[INFO] Request' in daemon.output(), patience(2))
    assert '<6>' not in daemon.output()


def test_what_a_client_makes_up_is_cut(lab):
    daemon = lab.daemon({'a': ''}, logFormat='json')
    daemon.post(CHAT, {'model': 'x' * 60_000})
    daemon.chat('a', headers={'X-Forwarded-For': '1' * 50_000})
    rows = until(lambda: (found := daemon.get('/api/metrics/activity').json['data']) and len(found) == 2 and found)
    assert max(len(str(value)) for row in rows for value in row.values()) < 1000
    logged = lines(daemon.log())
    assert max(len(line.get('model', '')) for line in logged) in range(100, 1000)
