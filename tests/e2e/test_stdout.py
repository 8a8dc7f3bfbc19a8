"""A stdout that nobody reads, or that is gone, stalls nothing."""

import os
import signal

import pytest

from harness.waiting import Stopwatch, patience, until


def start_on_a_pipe(lab, **settings):
    read, write = os.pipe()
    daemon = lab.daemon({'a': '--flood 4MiB --talk 5ms', 'b': ''}, stdout=write, logToStdout='both', **settings)
    os.close(write)
    return daemon, read


def works(lab, daemon):
    watch = Stopwatch()
    for model in 'abab':
        daemon.served_by(model)
    assert watch.seconds < patience(4)
    until(lambda: lab.records('a', 'flooded'))


def test_blocked(lab):
    daemon, read = start_on_a_pipe(lab)
    works(lab, daemon)
    assert daemon.get('/logs').status == 200
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_exit() == 0
    os.close(read)


def test_blocked_then_read_again(lab):
    daemon, read = start_on_a_pipe(lab)
    works(lab, daemon)
    os.set_blocking(read, False)
    seen = b''

    def fresh_lines():
        nonlocal seen
        daemon.get('/marker')
        try:
            seen = seen[-20:] + os.read(read, 1 << 16)
        except BlockingIOError:
            pass
        return b'/marker' in seen

    until(fresh_lines, patience(5), 'fresh lines on stdout')
    os.close(read)


def test_closed_by_its_reader(lab):
    daemon, read = start_on_a_pipe(lab)
    os.close(read)
    works(lab, daemon)
    assert '[INFO]' in daemon.log(), 'what stdout does not take is in the history all the same'
    assert lab.records('a', 'start') and daemon.process.poll() is None


@pytest.mark.parametrize('how', ['>&-', '>/dev/full'])
def test_unusable_from_the_beginning(lab, how):
    daemon = lab.daemon({'a': ''}, logToStdout='both', wait=False)
    daemon.kill()
    argv = daemon.argv
    daemon.process = lab.start(['sh', '-c', 'exec "$0" "$@" ' + how, *argv], wait_for_port=daemon.port)
    daemon.pid = daemon.process.pid
    daemon.served_by('a')
    daemon.served_by('a')
    assert sorted(fd for fd, _ in lab.records('a', 'start')[0]['fds']) == [0, 1, 2]
