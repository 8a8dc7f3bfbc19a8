"""/api/events?v=2: what happens is told with its reasons, and nobody misses anything for good."""

import json
import os
import signal
import socket
import threading

import pytest

from harness.waiting import patience, until

KEY, FEW = 'all-key', 'few-key'
KEYS = [KEY, {'key': FEW, 'name': 'few', 'role': 'operator', 'models': ['b']}]


class Events:
    """A client: a socket, and what came over it. Reads in the background unless it is told to stop."""

    def __init__(self, lab, daemon, query='', headers=None, receive_buffer=None, reads=True, version=2):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(('127.0.0.1', daemon.port))
        lines = ['GET /api/events?v=%d%s HTTP/1.0' % (version, query), 'Host: x']
        lines += ['%s: %s' % item for item in (headers or {}).items()]
        self.sock.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        self.text, self.ended = b'', False
        self.lock = threading.Lock()
        lab.closing(self)
        if reads:
            self.start()

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while data := self.sock.recv(1 << 16):
                with self.lock:
                    self.text += data
        except OSError:
            pass
        self.ended = True

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    @property
    def all(self):
        """(type, id, data) of each event."""
        with self.lock:
            text = self.text.decode()
        body = text.partition('\r\n\r\n')[2]
        out = []
        for block in body.split('\n\n')[:-1]:
            fields = dict(line.split(': ', 1) for line in block.split('\n') if not line.startswith(':'))
            if 'data' in fields:
                data = json.loads(fields['data'])
                assert isinstance(data, dict)
                out.append((fields['event'], fields.get('id'), data))
        return out

    def of(self, topic, **wanted):
        return [
            data
            for kind, _, data in self.all
            if kind == topic and all(data.get(name) == value for name, value in wanted.items())
        ]

    def wait(self, topic, timeout=None, **wanted):
        """The first event like that."""
        return until(
            lambda: self.of(topic, **wanted),
            timeout,
            lambda: '%s %s among %s' % (topic, wanted, [(k, d.get('operation')) for k, _, d in self.all]),
        )[0]

    @property
    def state(self):
        return self.wait('snapshot')


def numbers(events):
    return [int(number.rpartition('-')[2]) for kind, number, _ in events.all if number and kind != 'snapshot']


def test_a_swap_is_told_with_its_reasons(lab):
    daemon = lab.daemon({'a': '', 'b': '--load 300ms'})
    events = Events(lab, daemon)
    assert events.state['models'][0]['state'] == 'stopped'
    daemon.chat('a')
    daemon.chat('b')
    ended = events.wait('swaps', operation='ended', model='b')
    assert ended['outcome'] == 'ready' and ended['duration_ms'] >= 300
    begun = events.of('swaps', operation='begun', model='b')[0]
    assert begun['displaces'] == ['a'] and begun['reason'] == 'request'
    assert [(d['before'], d['state'], d['reason']) for d in events.of('models', model='a')] == [
        ('stopped', 'starting', 'request'),
        ('starting', 'ready', 'request'),
        ('ready', 'stopping', 'evicted'),
        ('stopping', 'stopped', 'evicted'),
    ]
    ready = events.of('instances', operation='ready', model='b')[0]
    assert ready['load_ms'] >= 300 and ready['pid'] == lab.pid('b')
    gone = events.of('instances', operation='gone', model='a')[0]
    assert gone['reason'] == 'evicted' and gone['serial'] != ready['serial']
    rows = [events.wait('activity', model=model) for model in 'ab']
    assert all(row['status'] == 200 and row['id'] > 0 for row in rows) and rows[1]['duration_ms'] >= 300
    assert numbers(events) == sorted(set(numbers(events)))


def test_who_waits_and_why(lab):
    daemon = lab.daemon({'a': '', 'b': ''})
    daemon.chat('a')
    events = Events(lab, daemon)
    assert events.state
    busy = daemon.busy_chat('a', 'hold:2s')
    second = daemon.start_chat('b', headers={'X-Request-ID': 'mine'})
    waiting = events.wait('queue', operation='upsert')
    assert waiting['length'] == 1
    assert waiting['request']['model'] == 'b' and waiting['request']['reason'] == 'busy'
    assert waiting['request']['blockers'] == ['a'] and waiting['request']['place'] == 1
    listed = daemon.get('/api/queue').json
    assert listed['length'] == 1 and listed['requests'][0]['id'] == waiting['request']['id']

    def entry():
        found = [r for r in daemon.get('/api/inflight').json['requests'] if r['model'] == 'b']
        return found and 'waiting' in found[0] and found[0]

    shown = until(entry)
    assert shown['id'] == waiting['request']['inflight_id']
    assert shown['request_id'] == 'mine'
    assert shown['phase'] == 'queue' and shown['waiting']['reason'] == 'busy' and shown['req_bytes'] > 0
    until(lambda: any(d['request'].get('waiting') for d in events.of('inflight', operation='upsert')))
    assert busy.result().status == 200 and second.result().status == 200
    events.wait('queue', operation='remove', id=waiting['request']['id'])
    assert daemon.get('/api/queue').json == {'length': 0, 'requests': []}
    assert daemon.get('/api/inflight').json == {'requests': []}
    until(lambda: len(events.of('inflight', operation='remove')) == 2)
    told = [d['request'] for d in events.of('inflight', operation='upsert')]
    assert {r['request_id'] for r in told if r['model'] == 'b'} == {'mine'}
    assert all(len(r['request_id']) == 16 for r in told if r['model'] == 'a')
    phases = [d['request']['phase'] for d in events.of('inflight', operation='upsert') if d['request']['model'] == 'b']
    assert phases == sorted(phases, key=['queue', 'load', 'asking', 'streaming'].index) and phases[-1] == 'streaming'


def test_tokens_so_far(lab):
    daemon = lab.daemon({'a': ''})
    events = Events(lab, daemon, '&topics=inflight')
    daemon.chat('a', 'tokens:12,tps:10', stream=True)
    seen = [d['request']['tokens'] for d in events.of('inflight', operation='upsert') if 'tokens' in d['request']]
    assert seen and seen == sorted(seen) and seen[0] < 12


def test_a_crash_and_a_failed_start(lab):
    daemon = lab.daemon({'a': '', 'b': '--fail-start 3'})
    events = Events(lab, daemon)
    daemon.chat('a')

    os.kill(lab.pid('a'), signal.SIGKILL)
    exited = events.wait('instances', operation='exited', model='a')
    assert 'signal' in exited['how'] or '9' in exited['how'] or 'kill' in exited['how'].lower()
    events.wait('models', model='a', state='stopped', reason='exited')
    daemon.chat('b')
    failed = events.wait('health', operation='start_failed', model='b')
    assert failed['why']
    assert events.wait('swaps', operation='ended', model='b')['outcome'] == 'start_failed'
    again = Events(lab, daemon, '&topics=health')
    assert again.state['health']['failed_starts'][0]['model'] == 'b'


def test_reload(lab):
    daemon = lab.daemon({'a': '', 'b': '', 'c': ''})
    events = Events(lab, daemon, '&topics=config,models')
    assert events.state['config']['models'] == ['a', 'b', 'c']
    config = json.loads(daemon.config_file.read_text())
    config['models']['d'] = config['models'].pop('c')  # ports are given out in the order of names
    config['models']['b']['ttl'] = 77
    daemon.reload(config)
    told = events.wait('config', operation='reloaded')
    assert [told[k] for k in ('added', 'removed', 'changed', 'restarted', 'unchanged')] == [
        ['d'],
        ['c'],
        ['b'],
        [],
        ['a'],
    ]
    assert [m['id'] for m in events.wait('models', operation='list')['models']] == ['a', 'b', 'd']
    daemon.reload('models: [', log='failed to reload')
    assert daemon.config_file.name in events.wait('config', operation='refused')['problems']


def test_resumes_without_loss_or_doubles(lab):
    daemon = lab.daemon({'a': ''})
    first = Events(lab, daemon, '&topics=models,inflight,activity')
    assert first.state
    for _ in range(3):
        daemon.chat('a')
    first.wait('activity')
    until(lambda: len(first.of('inflight', operation='remove')) == 3)
    first.close()
    last = [number for _, number, _ in first.all if number][-1]
    for _ in range(20):  # while nobody listens
        daemon.chat('a')
    second = Events(lab, daemon, '&topics=models,inflight,activity', headers={'Last-Event-ID': last})
    until(lambda: len(second.of('inflight', operation='remove')) == 20)
    assert not second.of('snapshot')
    got = numbers(second)
    assert got == list(range(got[0], got[-1] + 1)) and got[0] == int(last.rpartition('-')[2]) + 1
    third = Events(lab, daemon, '&lastEventId=' + last)
    until(lambda: len(third.of('inflight', operation='remove')) == 20)
    for strange in ('0123456789abcdef-5', last + '0000', 'x', '-1'):
        assert Events(lab, daemon, '&lastEventId=' + strange).state


def test_the_id_of_another_life(lab):
    daemon = lab.daemon({'a': ''})
    before = Events(lab, daemon)
    number = until(lambda: [n for _, n, _ in before.all if n])[0]
    other = lab.daemon({'a': ''})
    assert Events(lab, other, headers={'Last-Event-ID': number}).state['event'] != number


@pytest.mark.slow
def test_a_reader_that_stops_hurts_nobody_and_is_right_again(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 100}})
    healthy = Events(lab, daemon, '&topics=inflight,models')
    lazy = Events(lab, daemon, '&topics=inflight,models', receive_buffer=4096, reads=False)
    big = {'X-Filling-%d' % i: 'x' * 900 for i in range(10)}  # shown in each event
    streams = [daemon.open_chat('a', 'tokens:100000,tps:10', stream=True, headers=big) for _ in range(90)]
    # What the kernel and the ring hold, and more.
    until(lambda: len(healthy.text) > 14 << 20, patience(40), '14 MiB of events', every=0.2)
    assert daemon.memory_kib() < 200_000
    for chat in streams:
        chat.close()
    until(lambda: not daemon.get('/api/inflight').json['requests'])
    lazy.start()
    until(lambda: len(lazy.of('snapshot')) == 2, patience(20), 'a second snapshot')
    assert lazy.of('snapshot')[1]['models'][0]['state'] == 'ready'
    assert len(healthy.of('snapshot')) == 1 and len(healthy.all) > len(lazy.all)
    # From there on, everything.
    daemon.chat('a')
    until(lambda: lazy.all[-1][:2] == healthy.all[-1][:2], patience(20), 'the newest event', every=0.2)
    assert numbers(lazy) == sorted(set(numbers(lazy)))
    after = int(lazy.of('snapshot')[1]['event'].rpartition('-')[2])
    assert [n for n in numbers(lazy) if n > after] == [n for n in numbers(healthy) if n > after]


def test_two_hundred_readers(lab):
    daemon = lab.daemon({'a': '', 'b': ''})
    readers = [Events(lab, daemon, '&topics=swaps,models') for _ in range(220)]
    for reader in readers:
        assert reader.state
    daemon.chat('a')
    daemon.chat('b')
    for reader in readers:
        reader.wait('swaps', patience(10), operation='ended', model='b')
    seen = [reader.all[1:] for reader in readers]
    assert all(one == seen[0] for one in seen)


@pytest.mark.slow
def test_silence_is_broken_by_a_comment_with_the_id(lab):
    daemon = lab.daemon({'a': ''})
    events = Events(lab, daemon, '&topics=profile')
    assert events.state
    daemon.chat('a')  # of topics that nobody wants
    until(lambda: b'\n\n: heartbeat\nid: ' in events.text, patience(20), 'a heartbeat')
    beat = events.text.decode().rpartition('id: ')[2].strip()
    assert int(beat.rpartition('-')[2]) > 0
    events.close()
    again = Events(lab, daemon, '&topics=swaps', headers={'Last-Event-ID': beat})
    until(lambda: again.text.endswith(b'\n\n'))
    assert b': resumed' in again.text and not again.of('snapshot')


def test_what_is_asked_wrongly(lab):
    daemon = lab.daemon({'a': ''})
    for path, text in (
        ('/api/events?v=2&topics=weather', 'topics are models, queue'),
        ('/api/events?v=3', 'v must be 1 or 2'),
    ):
        answer = daemon.get(path)
        assert answer.status == 400 and text in answer.message
    assert daemon.request('HEAD', '/api/events?v=2').status == 200
    assert daemon.request('HEAD', '/api/events').status == 200


def test_the_end_of_the_daemon_ends_the_stream(lab):
    daemon = lab.daemon({'a': ''})
    events = Events(lab, daemon)
    assert events.state
    daemon.signal(signal.SIGTERM)
    until(lambda: events.ended)
    daemon.wait_for_exit()


def test_version_one_is_as_it_was(lab):
    daemon = lab.daemon({'a': ''})
    Events(lab, daemon)  # of version 2, beside
    stream = daemon.open('GET', '/api/events')
    assert stream.head().headers['content-type'] == 'text/event-stream'
    daemon.chat('a')
    stream.read_until(b'"operation\\":\\"remove\\"')
    types = []
    for block in stream.answer.text.split('\n\n')[:-1]:
        event, data = block.split('\n')
        assert event == 'event:message' and data.startswith('data:{"type":')
        message = json.loads(data[5:])
        assert sorted(message) == ['data', 'type'] and isinstance(message['data'], str)
        types.append(message['type'])
        if message['type'] == 'inflight':
            for entry in [json.loads(message['data']).get('request', {})]:
                assert not {'phase', 'req_bytes', 'waiting', 'tokens', 'request_id'} & set(entry)
    assert types[:6] == ['logData', 'logData', 'modelStatus', 'uiConfig', 'profileChanged', 'inflight']


@pytest.mark.slow
def test_version_one_is_right_again_after_it_was_too_slow(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 100}})
    lazy = Events(lab, daemon, receive_buffer=4096, reads=False, version=1)
    healthy = Events(lab, daemon, version=1)
    big = {'X-Filling-%d' % i: 'x' * 900 for i in range(10)}
    streams = [daemon.open_chat('a', 'tokens:100000,tps:10', stream=True, headers=big) for _ in range(90)]
    # More than the kernel's buffers and ours hold.
    until(lambda: len(healthy.text) > 16 << 20, patience(40), '16 MiB of events', every=0.2)
    for chat in streams:
        chat.close()
    until(lambda: not daemon.get('/api/inflight').json['requests'])
    lazy.start()
    until(lambda: lazy.text.count(b'"type":"uiConfig"') == 2, patience(20), 'the state', every=0.2)
    daemon.chat('a')
    last = daemon.get('/api/metrics/activity?limit=1').json['data'][0]['id']
    until(lambda: b'{\\"id\\":%d}' % last in lazy.text, patience(20), 'the newest event', every=0.2)
    running = {}
    for block in lazy.text.decode().split('\n\n')[:-1]:
        message = json.loads(block.partition('data:')[2])
        if message['type'] == 'inflight':
            data = json.loads(message['data'])
            if data['operation'] == 'snapshot':
                running = {entry['id']: entry for entry in data.get('requests', [])}
            elif data['operation'] == 'upsert':
                running[data['request']['id']] = data['request']
            else:
                running.pop(data['id'], None)
    assert not running


# ---- keys that open some models

@pytest.fixture
def divided(lab):
    config = lab.config({'a': '', 'b': ''}, apiKeys=KEYS)
    config['profiles'] = {'p': {'pins': {'x': 'a', 'y': 'b', 'z': ''}}}
    return lab.daemon(config=config)


def bearer(key):
    return {'Authorization': 'Bearer ' + key}


def test_a_key_of_some_models_sees_those(lab, divided):
    daemon = divided
    few = Events(lab, daemon, headers=bearer(FEW))
    everything = Events(lab, daemon, headers=bearer(KEY))
    stream = daemon.open('GET', '/api/events', headers=bearer(FEW))
    stream.head()
    daemon.chat('a', headers=bearer(KEY))
    daemon.chat('b', headers=bearer(KEY))
    everything.wait('activity', model='b')
    few.wait('activity', model='b')
    assert few.wait('swaps', operation='ended', model='b')['outcome'] == 'ready'
    assert few.of('inflight', operation='upsert')
    for kind, _, data in few.all:
        assert '"a"' not in json.dumps(data), (kind, data)
        if 'id' in data.get('request', {}) and kind == 'inflight':
            assert data['request']['model'] == 'b'
    stream.read_until(b'"activity"')
    text = stream.answer.text
    assert '\\"a\\"' not in text and '"upsert' in text.replace('\\', '') and 'Request 127' not in text

    for path in ('/logs', '/logs/stream', '/logs/stream/proxy', '/logs/stream/upstream'):
        assert daemon.get(path, headers=bearer(FEW)).status == 403, path
    for path in ('/logs/stream/a',):
        assert daemon.get(path, headers=bearer(FEW)).status == 400, path
    assert daemon.request('HEAD', '/logs/stream/b', headers=bearer(FEW)).status == 200

    rows = daemon.get('/api/metrics/activity', headers=bearer(FEW)).json
    assert [row['model'] for row in rows['data']] == ['b'] and rows['total'] == 1
    assert daemon.get('/api/metrics/activity?model=a', headers=bearer(FEW)).json['data'] == []
    assert daemon.get('/api/metrics/activity', headers=bearer(KEY)).json['total'] == 2
    for query, count in (('', 1), ('?model=b', 1), ('?model=a', 0)):
        assert daemon.get('/api/metrics/stats' + query, headers=bearer(FEW)).json['total_requests'] == count
    exported = daemon.get('/api/metrics/activity/export?format=jsonl', headers=bearer(FEW)).text
    assert [json.loads(line)['model'] for line in exported.splitlines()] == ['b']

    pins = daemon.get('/api/profiles', headers=bearer(FEW)).json['profiles'][0]['pins']
    assert pins == {'y': 'b', 'z': ''}
    assert set(daemon.get('/api/profiles', headers=bearer(KEY)).json['profiles'][0]['pins']) == {'x', 'y', 'z'}


def test_a_key_of_some_models_sees_who_waits_for_those(lab, divided):
    daemon = divided
    busy = daemon.busy_chat('a', 'hold:2s', headers=bearer(KEY))
    waiting = daemon.start_chat('b', headers=bearer(FEW))
    until(lambda: daemon.get('/api/queue', headers=bearer(FEW)).json['length'])
    listed = daemon.get('/api/queue', headers=bearer(FEW)).json
    assert listed['requests'][0]['reason'] == 'busy' and 'blockers' not in listed['requests'][0]
    assert daemon.get('/api/queue', headers=bearer(KEY)).json['requests'][0]['blockers'] == ['a']
    assert [r['model'] for r in daemon.get('/api/inflight', headers=bearer(FEW)).json['requests']] == ['b']
    assert len(daemon.get('/api/inflight', headers=bearer(KEY)).json['requests']) == 2
    assert busy.result().status == 200 and waiting.result().status == 200


def test_a_key_sees_what_it_opens_and_not_what_is_called_like_that(lab):
    origin = lab.origin()
    origin.serve(lambda peer: peer.request() and peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'))
    keys = [KEY, {'key': FEW, 'name': 'few', 'role': 'operator', 'models': ['b*']}]
    peers = {'hub': {'proxy': 'http://127.0.0.1:%d' % origin.port, 'models': ['big']}}
    daemon = lab.daemon({'b': ''}, apiKeys=keys, peers=peers)
    assert daemon.chat('big', headers=bearer(FEW)).status == 404
    events = Events(lab, daemon, '&topics=inflight,activity', headers=bearer(FEW))
    assert events.state
    assert daemon.chat('big', headers=bearer(KEY)).status == 200
    assert daemon.chat('b', headers=bearer(KEY)).status == 200
    assert events.wait('activity')['model'] == 'b'
    assert {d['request']['model'] for d in events.of('inflight', operation='upsert')} == {'b'}
    rows = daemon.get('/api/metrics/activity', headers=bearer(FEW)).json['data']
    assert [row['model'] for row in rows] == ['b']
