"""SIGTERM, SIGINT, a second one, and what is still done before the end."""

import signal
import time

import pytest

from harness import wire
from harness.waiting import Stopwatch, patience, stays, until


@pytest.mark.parametrize('number, name', [(signal.SIGTERM, 'terminated'), (signal.SIGINT, 'interrupt')])
def test_idle(lab, number, name):
    daemon = lab.daemon({'a': '--child setsid', 'b': ''}, groups={'g': {'swap': False, 'members': ['a', 'b']}})
    daemon.served_by('a'), daemon.served_by('b')
    watch = Stopwatch()
    daemon.signal(number)
    assert daemon.wait_for_exit() == 0 and watch.seconds < patience(1)
    assert lab.nobody_left()
    assert lab.records('a', 'term') and lab.records('b', 'term')
    assert 'received signal %s, shutting down' % name in daemon.output()
    assert 'shutdown complete' in daemon.output()


def test_running_requests_are_finished(lab):
    daemon = lab.daemon({'a': ''})
    stream = daemon.open_chat('a', 'events:20/50ms', stream=True)
    stream.read_until('"n":1,')
    daemon.signal(signal.SIGTERM)
    until(lambda: wire.refused(daemon.port), patience(0.5), 'the listener to close')
    answer = stream.finish()
    assert answer.complete and answer.events[-1] == '[DONE]'
    assert daemon.wait_for_exit() == 0


def test_endless_streams_end(lab):
    daemon = lab.daemon({'a': ''})
    streams = [daemon.open('GET', path) for path in ('/api/events', '/logs/stream', '/logs/stream/a')]
    for s in streams:
        s.head()
    watch = Stopwatch()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_exit() == 0 and watch.seconds < patience(1)


@pytest.mark.parametrize('said', [b'', b'GET /hea', wire.get('/health')])
def test_idle_connections_do_not_hold_it_up(lab, said):
    daemon = lab.daemon({'a': ''})
    with daemon.wire() as idle:
        idle.send(said)
        if said.endswith(b'\r\n\r\n'):
            idle.reply()
        daemon.get('/health')
        watch = Stopwatch()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_for_exit() == 0 and watch.seconds < patience(1)


def test_second_signal_ends_at_once_but_cleanly(lab):
    daemon = lab.daemon({'a': {'flags': '--on-term ignore --child setsid', 'unloadTimeout': 60}})
    stream = daemon.open_chat('a', 'events:100000/10ms', stream=True)
    stream.read_until('"n":1,')
    daemon.signal(signal.SIGTERM)
    stays(lambda: daemon.process.poll() is None, 0.5)
    daemon.signal(signal.SIGTERM)
    watch = Stopwatch()
    daemon.wait_for_exit(patience(2))
    assert watch.seconds < patience(2)
    lab.wait_for_nobody(patience(0.2))


@pytest.mark.parametrize('second, name', [(signal.SIGTERM, 'terminated'), (signal.SIGINT, 'interrupt')])
def test_second_signal_is_told_apart(lab, second, name):
    daemon = lab.daemon({'a': ''})
    stream = daemon.open_chat('a', 'events:100000/10ms', stream=True)
    stream.read_until('"n":1,')
    daemon.signal(signal.SIGTERM)
    until(lambda: 'received signal terminated, shutting down' in daemon.output())
    daemon.signal(second)
    daemon.wait_for_exit(patience(2))
    assert 'received signal %s again, stopping at once' % name in daemon.output()
    assert daemon.output().count('shutting down') == 1


def test_stop_while_a_model_starts(lab):
    daemon = lab.daemon({'a': '--load 1h'})
    request = daemon.start_chat('a')
    daemon.wait_for_state('a', 'starting')
    daemon.signal(signal.SIGTERM)
    until(lambda: 'received signal' in daemon.output())  # two at once would be one
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_exit(patience(3))
    lab.wait_for_nobody(patience(0.5))
    until(request.done, patience(1))


def test_hangup_before_anything_is_ready_does_not_kill(lab):
    """Unless nothing of ours ran yet: exec itself gives signals their default meaning."""
    for n in range(10):
        daemon = lab.daemon({}, wait=False)
        time.sleep(n * 0.002)
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.process.poll() is not None or not wire.refused(daemon.port))
        if daemon.process.poll() is None:
            daemon.wait_until_up()
            daemon.kill()
        else:
            assert daemon.process.returncode == -signal.SIGHUP and daemon.output() == ''
