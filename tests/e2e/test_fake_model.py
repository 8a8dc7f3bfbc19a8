"""The tool before the tests that rely on it: fake-model alone."""

import signal
import subprocess
import time

import pytest

from harness import procs, web, wire
from harness.waiting import Stopwatch, patience, until


def ask(process, path='/x', fake='', body=None, **options):
    return web.request(
        process.port,
        'GET' if body is None else 'POST',
        path,
        body,
        headers={'X-Fake': fake} if fake else None,
        **options,
    )


def test_help_names_every_flag(fake_model):
    text = subprocess.run([fake_model, '--help'], capture_output=True, text=True, check=True).stdout
    for word in ('--listen', '--tokens', '--tps', '--load', '--on-term', 'bare-lf', 'die-mid'):
        assert word in text


@pytest.mark.parametrize('arguments', [['--nonsense'], ['--port', 'x'], ['--port'], ['word'], ['--answer', 'nonsense']])
def test_bad_command_line(fake_model, arguments):
    assert subprocess.run([fake_model, *arguments], capture_output=True).returncode == 2


def test_flags_of_the_shipped_helper(tools, fake_model):
    port = tools.port()
    tools.start(
        [fake_model, '-listen=localhost:%d' % port, '-tokens', '20', '-tps', '100', '-load', '300ms'],
        wait_for_port=port,
    )
    assert web.request(port, 'GET', '/health').status == 503
    until(lambda: web.request(port, 'GET', '/health').status == 200)
    answer = web.request(port, 'POST', '/v1/chat/completions', {'model': 'm', 'stream': True})
    assert answer.events[-1] == '[DONE]' and len(answer.events) == 23
    assert 0.15 < answer.took < patience(0.3)


def test_echo_and_record(tools):
    fake = tools.start_fake('a')
    answer = ask(fake, '/some%20path?q=1', body=b'\x00\xff')
    assert answer.json['path'] == '/some%20path' and answer.json['query'] == 'q=1'
    assert answer.json['body'].encode('latin-1') == b'\x00\xff'
    until(lambda: tools.records('a', 'answered'))
    (start,) = tools.records('a', 'start')
    assert start['pid'] == fake.pid and start['env'][procs.MARK] == tools.mark and start['pgid'] == fake.pid
    (request,) = tools.records('a', 'request')
    assert request['path'] == '/some%20path?q=1' and request['body_size'] == 2
    assert [r['ev'] for r in tools.records('a')] == ['start', 'listen', 'request', 'answered']


@pytest.mark.parametrize(
    'control, head',
    [
        ('bare-lf', b'HTTP/1.1 200 OK\nContent-Type: application/json\n'),
        ('bare-status', b'HTTP/1.1 200\r\n'),
        ('no-reason', b'HTTP/1.1 200 \r\n'),
        ('http10', b'HTTP/1.0 200 OK\r\n'),
        ('early', b'HTTP/1.1 103 Early Hints\r\n'),
        ('status:418', b'HTTP/1.1 418 '),
    ],
)
def test_first_bytes(tools, control, head):
    fake = tools.start_fake('a')
    assert wire.talk(fake.port, wire.get('/x', ['X-Fake: close,' + control])).startswith(head)


def test_trailers_and_chunk_extensions(tools):
    fake = tools.start_fake('a')
    with wire.Wire(fake.port) as w:
        w.send(wire.get('/x', ['X-Fake: trailers,chunk-ext']))
        reply = w.reply()
        assert reply.trailers == {'x-sum': '42'} and b'"path":"/x"' in reply.body


@pytest.mark.parametrize('control', ['cut', 'reset', 'die-mid', 'cut,chunked', 'die-mid:3'])
def test_broken_answers_are_broken(tools, control):
    fake = tools.start_fake('a')
    answer = ask(fake, fake=control)
    assert answer.status == 200 and not answer.complete and answer.body


@pytest.mark.parametrize('control', ['drop', 'die', 'die:7'])
def test_no_answer(tools, control):
    fake = tools.start_fake('a')
    with pytest.raises(OSError):
        ask(fake, fake=control)
    if control != 'drop':
        assert fake.wait(5) == (7 if control == 'die:7' else -signal.SIGKILL)


def test_events_and_bytes(tools):
    fake = tools.start_fake('a')
    answer = ask(fake, fake='events:5/20ms,pad:100')
    assert len(answer.events) == 6 and answer.took >= 0.1 and '"pad":"' + 'x' * 100 in answer.text
    assert ask(fake, fake='bytes:1MB').body == (b'0123456789abcdef' * 62501)[:1000000]


def test_client_that_leaves_is_noticed(tools):
    fake = tools.start_fake('a')
    stream = web.Stream(fake.port, 'GET', '/x', headers={'X-Fake': 'events:1000/10ms'})
    stream.read_until('"n":3,')
    stream.close()
    until(lambda: tools.records('a', 'closed'), patience(1))


@pytest.mark.parametrize(
    'flags, status', [('--exit-after 50ms:4', 4), ('--fail-start 5', 5), ('--need-file /nowhere', 3)]
)
def test_exits(tools, flags, status):
    assert tools.start(tools.fake('a', flags, tools.port())).wait(5) == status


def test_crash_on_a_request(tools):
    fake = tools.start_fake('a', '--crash-on 2')
    assert ask(fake).status == 200
    with pytest.raises(OSError):
        ask(fake)
    assert fake.wait(5) == -signal.SIGKILL


def test_on_term_ignore_and_delay(tools):
    stubborn, slow = tools.start_fake('a', '--on-term ignore'), tools.start_fake('b', '--on-term delay:200ms')
    watch = Stopwatch()
    stubborn.terminate(), slow.terminate()
    assert slow.wait(5) == 0 and watch.seconds >= 0.2
    assert stubborn.poll() is None and tools.records('a', 'term')


def test_on_term_hang_until_the_client_leaves(tools):
    fake = tools.start_fake('a', '--on-term hang')
    stream = web.Stream(fake.port, 'GET', '/x', headers={'X-Fake': 'events:1000/10ms'})
    stream.read_until('"n":3,')
    fake.terminate()
    until(lambda: tools.records('a', 'term'))
    time.sleep(0.3)
    assert fake.poll() is None
    stream.close()
    assert fake.wait(5) == 0


def test_on_term_hang_idle_or_twice(tools):
    idle = tools.start_fake('a', '--on-term hang')
    idle.terminate()
    assert idle.wait(5) == 0
    busy = tools.start_fake('b', '--on-term hang')
    stream = web.Stream(busy.port, 'GET', '/x', headers={'X-Fake': 'events:1000/10ms'})
    stream.read_until('"n":3,')
    busy.terminate()
    until(lambda: tools.records('b', 'term'))
    busy.terminate()
    assert busy.wait(5) == 1
    stream.close()


def test_shapes(tools):
    daemon = tools.start(tools.fake('d', '--daemon', tools.port()))
    assert daemon.wait(5) == 0
    server = until(lambda: tools.records('d', 'listen'))[0]['pid']
    assert procs.alive(server) and procs.stat(server)[3] == server  # a session of its own
    wrapper = tools.start(tools.fake('w', '--fork', tools.port()))
    server = until(lambda: tools.records('w', 'listen'))[0]['pid']
    assert procs.stat(server)[1] == wrapper.pid
    family = tools.start(tools.fake('c', '--child setsid --child plain+pipe', tools.port()))
    until(lambda: tools.records('c', 'listen'))
    first, second = [r['child'] for r in tools.records('c', 'child')]
    until(lambda: procs.stat(first)[3] == first)
    assert procs.stat(second)[2] == family.pid


def test_memory_is_taken(tools):
    fake = tools.start_fake('a', '--memory 64MiB')
    assert 64 * 1024 < procs.memory_kib(fake.pid) < 80 * 1024


def test_output(tools):
    with open(tools.folder / 'out', 'wb') as out:
        tools.start(tools.fake('a', '--print hello --flood 160 --talk 10ms', tools.port()), stdout=out)
        text = until(lambda: (t := (tools.folder / 'out').read_text()).count('talk') > 1 and t)
    assert text.startswith('hello\n000000000000000\n000000000000001\n')


def test_idle_and_counted_connections_are_closed(tools):
    fake = tools.start_fake('a', '--idle-close 100ms --close-after 2')
    with wire.Wire(fake.port) as w:
        w.send(wire.get('/x') * 3)
        assert w.reply().status == w.reply().status == 200
        assert w.rest(5) == b''
    with wire.Wire(fake.port) as w:
        assert w.rest(5) == b''


def test_serves_many_connections_at_once(tools):
    fake = tools.start_fake('a')
    streams = [web.Stream(fake.port, 'GET', '/x', headers={'X-Fake': 'events:5/50ms'}) for _ in range(400)]
    answers = [s.finish() for s in streams]
    assert all(a.complete and len(a.events) == 6 for a in answers)


def test_starts_within_milliseconds(fake_model):
    watch = Stopwatch()
    for _ in range(20):
        subprocess.run([fake_model, '--fail-start', '0'], check=True)
    assert watch.seconds / 20 < patience(0.01)
