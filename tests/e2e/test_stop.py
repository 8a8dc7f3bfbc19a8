"""How a model ends: signal, stop command, grace, kill; always completely, never late."""

import signal

import pytest

from harness import procs
from harness.waiting import Stopwatch, patience, stays


def test_asked_politely(lab):
    daemon = lab.daemon({'a': ''})
    daemon.served_by('a')
    daemon.unload()
    assert [r['ev'] for r in lab.records('a') if r['ev'] in ('term', 'exit')] == ['term', 'exit']
    assert lab.nobody_left()


@pytest.mark.parametrize('settings, grace', [({'unloadTimeout': 1}, 1), ({}, 3)])
def test_killed_after_the_grace(lab, settings, grace):
    daemon = lab.daemon({'a': {'flags': '--on-term ignore', **settings}})
    daemon.served_by('a')
    watch = Stopwatch()
    daemon.unload()
    assert grace - 0.1 < watch.seconds < grace + patience(0.5)
    assert lab.records('a', 'term') and lab.nobody_left()


def test_eviction_uses_the_unload_timeout_too(lab):
    daemon = lab.daemon({'a': {'flags': '--on-term ignore', 'unloadTimeout': 1}, 'b': ''}, healthCheckTimeout=120)
    daemon.served_by('a')
    watch = Stopwatch()
    daemon.served_by('b')
    assert 0.9 < watch.seconds < 1 + patience(0.6)


def test_time_to_end_is_given(lab):
    daemon = lab.daemon({'a': '--on-term delay:500ms'})
    daemon.served_by('a')
    daemon.unload()
    assert [r['status'] for r in lab.records('a', 'exit')] == [0]


@pytest.mark.parametrize(
    'flags',
    [
        '--child plain',
        '--child plain+pipe',
        '--child setsid',
        '--child setsid+pipe',
        '--child plain --child setsid+polite --child pipe',
        '--fork',
    ],
)
def test_nothing_of_the_tree_survives(lab, flags):
    daemon = lab.daemon({'a': flags})
    daemon.served_by('a')
    watch = Stopwatch()
    daemon.unload()
    assert lab.nobody_left()
    assert watch.seconds < 3 + patience(1)


def test_helper_on_the_pipe_delays_nothing(lab):
    """The leader is gone at once; its stubborn helper is swept, not waited for."""
    daemon = lab.daemon({'a': {'flags': '--child plain+pipe', 'unloadTimeout': 10}})
    daemon.served_by('a')
    watch = Stopwatch()
    daemon.unload()
    assert watch.seconds < patience(1.5)


def test_stop_command_gets_the_pid(lab):
    notes = lab.folder / 'stops'
    stop = "sh -c 'echo ${PID} $WHO >> %s; kill -TERM ${PID}'" % notes
    daemon = lab.daemon({'a': {'cmdStop': stop, 'env': ['WHO=model']}})
    daemon.served_by('a')
    daemon.unload()
    assert notes.read_text() == '%d model\n' % lab.pid('a')
    assert lab.nobody_left()


def test_stop_command_replaces_the_signal(lab):
    daemon = lab.daemon({'a': {'cmdStop': 'true', 'unloadTimeout': 1}})
    daemon.served_by('a')
    watch = Stopwatch()
    daemon.unload()
    assert watch.seconds >= 0.9 and not lab.records('a', 'term') and lab.nobody_left()


@pytest.mark.parametrize('stop', ['false', 'no-such-program ${PID}', 'sleep 1000'])
def test_stop_command_that_does_not_work(lab, stop):
    daemon = lab.daemon({'a': {'cmdStop': stop, 'unloadTimeout': 1}})
    daemon.served_by('a')
    watch = Stopwatch()
    daemon.unload()
    assert watch.seconds < 1 + patience(1)
    lab.wait_for_nobody(patience(1))


def test_running_request_does_not_hold_up_an_unload(lab):
    """llama-server waits for its clients before it ends: our side of the connections is closed at once."""
    daemon = lab.daemon({'a': {'flags': '--on-term hang', 'unloadTimeout': 10}})
    stream = daemon.open_chat('a', 'events:1000/10ms', stream=True)
    stream.read_until('"n":3,')
    watch = Stopwatch()
    daemon.unload()
    assert watch.seconds < patience(1)
    assert not stream.finish().complete, 'a truncated stream looks complete'


def test_other_models_are_not_held_up_by_a_stop(lab):
    daemon = lab.daemon(
        {'slow': {'flags': '--on-term ignore', 'unloadTimeout': 2}, 'a': ''},
        groups={'g': {'swap': False, 'members': ['slow', 'a']}},
    )
    daemon.served_by('slow')
    daemon.served_by('a')
    unload = lab.background(daemon.unload, 'slow')
    daemon.wait_for_state('slow', 'stopping')
    for _ in range(5):
        assert daemon.chat('a').took < patience(0.2)
    assert not unload.done()
    unload.result()


def test_request_that_meets_a_stop_is_served_by_a_fresh_start(lab):
    daemon = lab.daemon({'a': '--on-term delay:500ms'})
    first = daemon.served_by('a')['pid']
    unload = lab.background(daemon.unload, 'a')
    daemon.wait_for_state('a', 'stopping')
    assert daemon.served_by('a')['pid'] != first
    unload.result()


def test_interrupt_of_the_terminal_does_not_reach_models(lab):
    daemon = lab.daemon({'a': ''})
    daemon.served_by('a')
    assert procs.stat(lab.pid('a'))[2] != procs.stat(daemon.pid)[2]
    stays(lambda: not lab.records('a', 'int'), 0.1)
    daemon.signal(signal.SIGINT)
    assert daemon.wait_for_exit() == 0
    assert not lab.records('a', 'int') and lab.records('a', 'term')
