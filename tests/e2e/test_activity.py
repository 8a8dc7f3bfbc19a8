"""What is recorded of requests: whatever their end, a row each, that outlives the daemon."""

import gzip
import json
import os
import re
import socket
import sqlite3
import time

import pytest

from harness.daemon import CHAT
from harness.waiting import patience, until

# As the original makes it (http-api 22).
ORIGINAL = """
    create table goose_db_version (id integer primary key autoincrement, version_id integer not null,
        is_applied integer not null, tstamp timestamp default (datetime('now')));
    insert into goose_db_version (version_id, is_applied) values (0, 1), (1, 1);
    create table activity (id integer primary key autoincrement, ts_created integer not null,
        model_id text not null, req_path text not null default '', resp_content_type text not null default '',
        resp_status_code integer not null default 0, cache_tokens integer not null default 0,
        draft_tokens integer not null default 0, draft_acc_tokens integer not null default 0,
        input_tokens integer not null default 0, output_tokens integer not null default 0,
        prompt_per_second real not null default 0, tokens_per_second real not null default 0,
        duration_ms integer not null default 0, error_msg text not null default '',
        metadata_json text not null default '');
    create index idx_activity_created_id on activity (ts_created desc, id desc);
    create index idx_activity_model_created_id on activity (model_id, ts_created desc, id desc);
"""


def page(daemon, query=''):
    answer = daemon.get('/api/metrics/activity?order=asc&limit=999' + query)
    assert answer.status == 200, answer
    return answer.json


def rows(daemon, count, query=''):
    """All rows, when there are that many; the oldest first."""
    until(lambda: page(daemon, query)['total'] >= count, what='%d rows' % count)
    found = page(daemon, query)['data']
    assert len(found) == count, found
    return found


def newest(daemon, count):
    return rows(daemon, count)[-1]


def together(lab, models, **settings):
    return lab.daemon(models, groups={'g': {'swap': False, 'members': list(models)}}, **settings)


def test_success(lab):
    daemon = lab.daemon({'a': ''}, routing={'scheduler': {'settings': {'fifo': {'priority': {'a': 3}}}}})
    headers = {'X-Session-ID': 's1', 'X-Forwarded-For': '192.0.2.9'}
    answer = daemon.chat('a', headers=headers)
    (row,) = rows(daemon, 1)
    usage = answer.json['usage']
    assert row['id'] == 1 and row['model'] == 'a' and row['req_path'] == CHAT
    assert row['resp_status_code'] == 200 and row['resp_content_type'] == answer.headers['content-type']
    assert row['tokens']['output_tokens'] == usage['completion_tokens'] == 4
    assert row['tokens']['input_tokens'] == usage['prompt_tokens'] > 0
    assert row['has_capture'] is True and 'error_msg' not in row
    assert row['metadata'] == {'fifo_priority': '3'}
    assert page(daemon, '&session=s1&client=192.0.2.9')['total'] == 1
    assert page(daemon, '&session=s2')['total'] == 0


def test_streams_in_every_framing(lab):
    daemon = lab.daemon({'a': ''})
    for i, fake in enumerate(['', 'chunk-ext', 'eof', 'close', 'trailers']):
        answer = daemon.chat('a', fake, stream=True)
        assert answer.status == 200 and answer.complete, answer
        row = newest(daemon, i + 1)
        assert row['tokens']['output_tokens'] == 4, (fake, row)
        assert 'event-stream' in row['resp_content_type'], (fake, row)
        assert 'error_msg' not in row


def test_gzip(lab):
    origin = lab.origin()
    seen = []

    def serve(peer):
        while request := peer.request():
            seen.append(request.header('Accept-Encoding'))
            body = gzip.compress(json.dumps({'usage': {'prompt_tokens': 14, 'completion_tokens': 152}}).encode())
            head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d'
            peer.send((head % len(body)).encode() + b'\r\n\r\n' + body)

    origin.serve(serve)
    daemon = lab.daemon({'a': origin.model()})
    answer = daemon.chat('a', headers={'Accept-Encoding': 'gzip, deflate, br'})
    assert json.loads(gzip.decompress(answer.body))['usage']['prompt_tokens'] == 14
    tokens = newest(daemon, 1)['tokens']
    assert (tokens['input_tokens'], tokens['output_tokens'], tokens['cache_tokens']) == (14, 152, -1)
    assert seen == ['gzip, deflate']
    daemon.get('/upstream/a/x', headers={'Accept-Encoding': 'br'})
    assert seen[-1] == 'br', 'what is not recorded is not touched'


def test_errors(lab):
    daemon = together(lab, {'a': {'concurrencyLimit': 1}, 'sick': '--fail-start 3'})
    daemon.chat('nobody')
    row = newest(daemon, 1)
    assert (row['model'], row['resp_status_code']) == ('nobody', 404)
    assert row['error_msg'] == 'no router for requested model' and 'metadata' not in row
    daemon.chat('a', 'status:418')
    row = newest(daemon, 2)
    assert row['resp_status_code'] == 418 and row['error_msg']
    busy = daemon.busy_chat('a', 'hold:1s')
    assert daemon.chat('a').status == 429
    row = newest(daemon, 3)
    assert (row['resp_status_code'], row['error_msg']) == (429, 'Too many requests')
    busy.result()
    rows(daemon, 4)
    answer = daemon.chat('sick')
    row = newest(daemon, 5)
    assert row['resp_status_code'] == answer.status >= 500
    assert row['error_msg'] == answer.message[: len(row['error_msg'])]


def test_ids_of_requests(lab):
    daemon = lab.daemon({'a': '', 'sick': '--fail-start 3', 'slow': '--load 30s'})
    mine = {'X-Request-ID': 'batch/7'}
    cases = [
        ('a', '', mine, None),
        ('a', '', {}, None),
        ('a', '', {'X-Request-ID': 'not "usable"'}, None),
        ('a', '', {'X-Request-ID': 'x' * 129}, None),
        ('a', 'header:X-Request-ID=theirs', {'X-Request-ID': 'mine-2'}, 'mine-2'),
        ('sick', '', {'X-Request-ID': 'x' * 128}, None),
        ('nobody', '', mine, None),
    ]
    wanted = []
    for model, fake, headers, known in cases:
        answer = daemon.chat(model, fake, headers=headers)
        wanted.append(known or answer.headers['x-request-id'])
    assert wanted[0] == wanted[-1] == 'batch/7' and wanted[-2] == 'x' * 128
    assert all(re.fullmatch('[0-9a-f]{16}', i) for i in wanted[1:4]), wanted
    assert [r['request_id'] for r in rows(daemon, len(cases))] == wanted
    for i in set(wanted):
        ids = [r['id'] for r in page(daemon, '&request_id=' + i)['data']]
        assert ids == [n for n, other in enumerate(wanted, 1) if other == i], i
    assert page(daemon, '&request_id=batch/7&model=a')['total'] == 1
    assert page(daemon, '&request_id=batch')['total'] == 0, 'exactly'
    export = '/api/metrics/activity/export?request_id=batch/7&order=asc&format='
    header, first, second = daemon.get(export + 'csv').text.splitlines()
    assert header.endswith(',metadata,request_id') and first.endswith(',batch/7') and second.endswith(',batch/7')
    lines = daemon.get(export + 'jsonl').text.splitlines()
    assert [json.loads(line)['request_id'] for line in lines] == ['batch/7'] * 2
    assert all(line.endswith('| batch/7 |') for line in daemon.get(export + 'md').text.splitlines()[2:])
    waiting = daemon.open_chat('slow', headers={'X-Request-ID': 'left'})
    until(lambda: daemon.state('slow') == 'starting')
    waiting.close()
    assert newest(daemon, len(cases) + 1)['request_id'] == 'left'


def test_what_is_not_recorded(lab):
    daemon = lab.daemon({'a': ''}, apiKeys=['k'])
    key = {'Authorization': 'Bearer k'}
    assert daemon.chat('a').status == 401
    assert daemon.post(CHAT, {}, headers=key).status == 404
    assert daemon.get('/props?model=a', headers=key).status == 200
    assert daemon.get('/upstream/a/v1/models', headers=key).status == 200
    assert daemon.post('/upstream/a' + CHAT, {'model': 'a'}, headers=key).status == 200
    until(lambda: daemon.get('/api/metrics/activity', headers=key).json['total'])
    (row,) = daemon.get('/api/metrics/activity', headers=key).json['data']
    assert (row['model'], row['req_path']) == ('a', CHAT)


def test_abandoned_requests_are_no_successes(lab):
    daemon = together(lab, {'a': '', 'slow': '--load 30s', 'cut': ''})
    waiting = daemon.open_chat('slow')
    until(lambda: daemon.state('slow') == 'starting')
    waiting.close()
    row = newest(daemon, 1)
    assert row['resp_status_code'] == 499 and row['error_msg'] == 'the client left before it was answered'
    stream = daemon.open_chat('a', 'events:100000/20ms', stream=True)
    stream.read_until('\n\n')
    stream.close()
    row = newest(daemon, 2)
    assert row['resp_status_code'] == 200 and row['error_msg'] == 'the request was cancelled'
    assert not daemon.chat('cut', 'cut', stream=True).complete
    row = newest(daemon, 3)
    assert row['resp_status_code'] == 200 and row['error_msg'] == 'the response broke off'
    waiting = daemon.start_chat('slow')
    until(lambda: daemon.state('slow') == 'starting')

    def cancel():
        return any(daemon.post('/api/inflight/%d/cancel' % i).status == 200 for i in range(1, 9))

    until(cancel)
    assert waiting.result().status == 503
    row = newest(daemon, 4)
    assert (row['resp_status_code'], row['error_msg']) == (503, 'request was cancelled')
    assert page(daemon, '&has_error=true')['total'] == 4


def test_loading_stream_that_fails(lab):
    daemon = lab.daemon({'sick': {'flags': '--exit-after 300ms:3 --load 30s', 'sendLoadingState': True}})
    answer = daemon.chat('sick', stream=True)
    assert answer.status == 200
    row = newest(daemon, 1)
    assert row['resp_status_code'] == 503 and row['resp_content_type'] == 'text/event-stream'
    assert row['error_msg']


def test_selector(lab):
    daemon = lab.daemon({'a': ''}, selectors={'sel': {'strategy': 'spillover', 'targets': ['a']}})
    daemon.chat('sel')
    row = newest(daemon, 1)
    assert row['model'] == 'a' and row['metadata'] == {'fifo_priority': '0', 'selector': 'sel'}


def test_phases_prompt_and_swap(lab):
    daemon = lab.daemon({'a': '--load 300ms', 'b': ''})
    daemon.chat('a', stream=True)
    daemon.chat('b')
    daemon.chat('b')
    first, second, third = rows(daemon, 3)
    assert [row['swap_caused'] for row in (first, second, third)] == [False, True, False]
    assert first['phases']['load_ms'] >= 250 and 'load_ms' not in third['phases']
    for row in (first, second):
        assert row['prompt_tokens'] >= row['tokens']['input_tokens'] > 0
        assert row['phases']['prefill_ms'] >= 0 and row['phases']['decode_ms'] >= 0


def test_phases_by_our_own_clock(lab):
    origin = lab.origin()

    def serve(peer):
        while peer.request():
            peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n')
            for _ in range(4):
                time.sleep(0.1)
                peer.send(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
            return

    origin.serve(serve)
    daemon = lab.daemon({'a': origin.model()})
    daemon.chat('a', stream=True)
    row = newest(daemon, 1)
    assert row['phases']['prefill_ms'] >= 90 and row['phases']['decode_ms'] >= 280
    assert row['tokens']['output_tokens'] == 0 and 'prompt_tokens' not in row and row['ending'] == 'complete'


@pytest.mark.memory
def test_usage_at_the_end_of_a_long_stream(lab):
    """STREAM_MIB (64) long; memory does not follow."""
    origin = lab.origin()
    mib = int(os.environ.get('STREAM_MIB', '64'))

    def serve(peer):
        while peer.request():
            peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n')
            event = b'data: {"choices":[{"delta":{"content":"' + 200 * b'x' + b'"}}]}\n\n'
            piece = event * ((1 << 20) // len(event))
            for _ in range(mib):
                peer.send(piece)
            peer.send(b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\ndata: [DONE]\n\n')
            return

    origin.serve(serve)
    daemon = lab.daemon({'a': origin.model()})
    before = daemon.memory_kib()
    body = json.dumps({'model': 'a', 'stream': True})
    with socket.create_connection(('127.0.0.1', daemon.port)) as client:
        head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
        head += 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n' % len(body)
        client.sendall((head + body).encode())
        got = 0
        while data := client.recv(1 << 20):
            got += len(data)
    assert got > mib * 1_000_000
    tokens = newest(daemon, 1)['tokens']
    assert (tokens['input_tokens'], tokens['output_tokens']) == (7, 9)
    # What was collected for a capture before it grew too long goes back to the system once that is packed.
    until(lambda: daemon.memory_kib() - before < 8192, what=lambda: '%d KiB to go' % (daemon.memory_kib() - before))


def test_list_and_stats(lab):
    daemon = together(lab, {'a': '', 'b': ''})
    for model in 'aab':
        daemon.chat(model)
    rows(daemon, 3)
    assert [r['id'] for r in page(daemon, '&model=a')['data']] == [1, 2]
    answer = daemon.get('/api/metrics/activity?limit=2').json
    assert [r['id'] for r in answer['data']] == [3, 2]
    assert (answer['page'], answer['limit'], answer['total'], answer['total_pages']) == (1, 2, 3, 2)
    assert daemon.get('/api/metrics/activity?limit=1000').message == 'limit must be between 1 and 999'
    stats = daemon.get('/api/metrics/stats?model=a').json
    assert stats['total_requests'] == 2 and stats['total_output_tokens'] == 8
    assert sum(stats['gen_histogram']['bins']) == 2
    export = daemon.get('/api/metrics/activity/export?format=csv&model=a')
    assert export.headers['content-disposition'] == 'attachment; filename="activity.csv"'
    assert export.headers['content-type'] == 'text/csv; charset=utf-8' and len(export.text.splitlines()) == 3


def test_event(lab):
    daemon = lab.daemon({'a': ''})
    events = daemon.open('GET', '/api/events')
    events.read_until('"inflight"')
    daemon.chat('a')
    assert '"type":"activity","data":"{\\"id\\":1}"' in events.read_until('"activity","data"').text


def test_file_survives_restart_and_kill(lab):
    path = str(lab.folder / 'activity.db')
    config = lab.config({'a': ''}, store={'path': path})
    daemon = lab.daemon(config=config)
    daemon.chat('a')
    assert daemon.terminate() == 0  # at once: what waits is written
    daemon = lab.daemon(config=config)
    daemon.chat('a')
    rows(daemon, 2)
    daemon.chat('a')
    until(lambda: sqlite3.connect(path).execute('select count(*) from activity').fetchone()[0] == 3, patience(1))
    daemon.kill()
    daemon = lab.daemon(config=config)
    daemon.chat('a')
    assert [r['id'] for r in rows(daemon, 4)] == [1, 2, 3, 4]


def test_file_of_the_original(lab):
    """Its rows have no ids of requests, and it finds its table as it left it."""
    path = str(lab.folder / 'activity.db')
    original = sqlite3.connect(path, isolation_level=None)
    original.executescript(ORIGINAL)
    original.execute("insert into activity (ts_created, model_id) values (1700000000, 'a')")
    describe = "select sql from sqlite_master where name = 'activity'"
    table = original.execute(describe).fetchone()
    original.close()
    daemon = lab.daemon({'a': ''}, store={'path': path})
    daemon.chat('a', headers={'X-Request-ID': 'mine'})
    old, new = rows(daemon, 2)
    assert 'request_id' not in old and new['request_id'] == 'mine'
    assert [r['id'] for r in page(daemon, '&request_id=mine')['data']] == [2]
    lines = daemon.get('/api/metrics/activity/export?order=asc').text.splitlines()
    assert lines[1].endswith(',') and lines[2].endswith(',mine')
    assert daemon.terminate() == 0
    original = sqlite3.connect(path, isolation_level=None)
    assert original.execute(describe).fetchone() == table
    original.execute("insert into activity (ts_created, model_id) values (1700000001, 'a')")
    assert original.execute('select max(id) from activity').fetchone() == (3,)
    original.close()


def test_reload_keeps_rows_unless_the_file_is_another(lab):
    config = lab.config({'a': ''})
    daemon = lab.daemon(config=config)
    daemon.chat('a')
    rows(daemon, 1)
    daemon.reload(dict(config, logLevel='info'))
    assert page(daemon)['total'] == 1
    path = str(lab.folder / 'other.db')
    daemon.reload(dict(config, store={'path': path}))
    assert page(daemon)['total'] == 0
    daemon.chat('a')
    rows(daemon, 1)
    (lab.folder / 'bad.db').write_text('this is no database, however long one looks at it' * 100)
    log = 'failed to create new store during reload'
    daemon.reload(dict(config, store={'path': str(lab.folder / 'bad.db')}), log)
    assert page(daemon)['total'] == 1 and daemon.chat('a').status == 200


def test_start_with_a_file_that_is_no_database(lab):
    bad = lab.folder / 'bad.db'
    bad.write_text('this is no database, however long one looks at it' * 100)
    daemon = lab.daemon(config=lab.config({'a': ''}, store={'path': str(bad)}), wait=False)
    assert daemon.wait_for_exit() == 1
    assert 'failed to create store' in daemon.output()


def test_locked_database_holds_up_nobody(lab):
    path = str(lab.folder / 'activity.db')
    daemon = lab.daemon({'a': ''}, store={'path': path})
    daemon.chat('a')
    rows(daemon, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('begin immediate')
    for _ in range(3):
        answer = daemon.chat('a')
        assert answer.status == 200 and answer.took < patience(1)
    daemon.wait_for_log('activity database: cannot write', timeout=patience(10))
    assert daemon.chat('a').status == 200
    other.execute('rollback')
    daemon.wait_for_log('activity database: works again', timeout=patience(10))
    assert [r['id'] for r in rows(daemon, 5)] == [1, 2, 3, 4, 5]


def test_off(lab):
    config = lab.config({'a': ''}, activity={'enabled': False})
    daemon = lab.daemon(config=config)
    daemon.chat('a')
    daemon.reload(dict(config, activity={'enabled': True}))
    daemon.chat('a')
    assert newest(daemon, 1)['id'] == 1


def test_memory_keeps_the_newest(lab):
    daemon = lab.daemon({'a': ''}, metricsMaxInMemory=3)
    for _ in range(5):
        daemon.chat('a')
    until(lambda: [r['id'] for r in page(daemon)['data']] == [3, 4, 5])
