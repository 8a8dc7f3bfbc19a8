"""hooks.on_startup.preload."""

from harness.waiting import patience, stays, until


def preload(*names):
    return {'on_startup': {'preload': list(names)}}


def test_is_ready_without_a_request(lab):
    daemon = lab.daemon({'a': {'aliases': ['x']}}, hooks=preload(' x ', 'unknown'))
    daemon.wait_for_state('a', 'ready', patience(1))
    daemon.wait_for_log('preloading model: a')
    pid = lab.pid('a')
    assert daemon.served_by('a')['pid'] == pid


def test_all_of_a_group_that_may_live_together(lab):
    daemon = lab.daemon(
        {'a': '', 'b': '', 'c': ''}, hooks=preload('a', 'c'), groups={'g': {'swap': False, 'members': ['a', 'b', 'c']}}
    )
    until(lambda: daemon.running() == {'a': 'ready', 'c': 'ready'}, patience(1), daemon.running)
    stays(lambda: not lab.starts('b'), 0.2)


def test_the_last_of_those_that_may_not(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, hooks=preload('a', 'b'))
    until(lambda: daemon.running() == {'b': 'ready'}, patience(2), daemon.running)
    assert lab.starts('a') == 1


def test_a_failing_one_does_not_stop_the_next(lab):
    daemon = lab.daemon({'a': '--fail-start 1', 'b': ''}, hooks=preload('a', 'b'))
    until(lambda: daemon.running() == {'b': 'ready'}, patience(2), daemon.running)
    daemon.wait_for_log('failed to preload model a')


def test_the_daemon_listens_meanwhile(lab):
    daemon = lab.daemon({'a': '--load 1h'}, hooks=preload('a'))
    daemon.wait_for_state('a', 'starting')
    assert daemon.get('/health').text == 'OK'
