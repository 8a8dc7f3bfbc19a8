"""When a model counts as ready: not before its own server says so, and not a moment later."""

import time

import pytest

from harness.daemon import START_FAILED
from harness.waiting import Stopwatch, patience, stays, until


def test_ready_at_once(lab):
    """A model that is ready after milliseconds is used after milliseconds."""
    daemon = lab.daemon({'a': ''})
    times = []
    for _ in range(5):
        watch = Stopwatch()
        daemon.served_by('a')
        times.append(watch.seconds)
        daemon.unload()
    assert sorted(times)[2] < patience(0.06), times


def test_load_time_is_what_the_model_takes(lab):
    daemon = lab.daemon({'a': '--load 700ms'})
    answer = daemon.chat('a')
    assert answer.status == 200 and 0.6 < answer.took < 0.7 + patience(0.15)


def test_waits_for_status_200(lab):
    ready = lab.folder / 'ready'
    daemon = lab.daemon({'a': '--health-file %s' % ready})
    request = daemon.start_chat('a')
    until(lambda: len(lab.records('a', 'health')) > 5)
    assert daemon.state('a') == 'starting' and not request.done()
    ready.touch()
    assert request.result().status == 200
    daemon.wait_for_log('Health check passed on http://localhost:')


def test_health_requests_carry_nothing_of_a_client(lab):
    daemon = lab.daemon({'a': ''})
    daemon.served_by('a')
    names = {name.lower() for name, _ in lab.records('a', 'health')[0]['headers']}
    assert 'user-agent' not in names and 'x-forwarded-for' not in names


def test_no_health_check(lab):
    daemon = lab.daemon({'a': {'flags': '--bind-delay 300ms', 'checkEndpoint': 'none'}})
    request = daemon.start_chat('a')
    daemon.wait_for_state('a', 'ready', patience(0.3))
    assert lab.records('a', 'health') == []
    request.result()


def test_path_and_query_of_the_check(lab):
    daemon = lab.daemon(
        {
            'a': {
                'flags': '--health-path /base/alive',
                'checkEndpoint': '/alive?deep=1',
                'proxy': 'http://127.0.0.1:${PORT}/base',
            }
        }
    )
    assert daemon.served_by('a')['path'] == '/base/v1/chat/completions'
    assert lab.records('a', 'health')[0]['path'] == '/base/alive?deep=1'


def test_redirect_is_not_ready(lab):
    daemon = lab.daemon({'a': '--health-status 301'})
    request = daemon.start_chat('a')
    until(lambda: len(lab.records('a', 'health')) >= 3)
    assert daemon.state('a') == 'starting' and not lab.records('a', 'request')
    daemon.unload()
    assert request.result().status in START_FAILED


@pytest.mark.slow
def test_the_deadline_holds_whatever_the_check_does(lab):
    """Silence, endless bodies, 503 for ever, and nobody listening: all end after healthCheckTimeout."""
    flags = {
        'hangs': '--health-hang',
        'endless': '--health-endless --health-status 503',
        'unready': '--load 1h',
        'deaf': '--bind-delay 1h',
    }
    daemon = lab.daemon(flags, groups={'g': {'swap': False, 'members': list(flags)}}, healthCheckTimeout=15)
    answers = {name: daemon.start_chat(name) for name in flags}
    for name, future in answers.items():
        answer = future.result()
        assert answer.status in START_FAILED, (name, answer)
        assert answer.message == 'unspecific error: health check timed out after 15s', name
        assert 14.5 < answer.took < 15 + patience(1.5), (name, answer)
    lab.wait_for_nobody(patience(3))


def test_endless_body_of_a_healthy_server(lab):
    daemon = lab.daemon({'a': '--health-endless'})
    assert daemon.chat('a').took < patience(1)


def test_listener_of_another_instance_is_refused(lab):
    """b would listen where a does: a's answers must not make b ready."""
    port = lab.port()
    address = 'http://127.0.0.1:%d' % port
    daemon = lab.daemon(
        {
            'a': {'cmd': lab.fake('a', port=port), 'proxy': address},
            'b': {'cmd': lab.fake('b', '--bind-delay 1s', port), 'proxy': address},
        },
        groups={'g': {'swap': False, 'members': ['a', 'b']}},
    )
    daemon.served_by('a')
    answer = daemon.chat('b', 'echo')
    assert answer.status in START_FAILED, answer
    assert daemon.state('b') != 'ready'
    assert daemon.served_by('a')['pid'] == lab.pid('a')


def test_stop_during_a_start(lab):
    daemon = lab.daemon({'a': '--load 1h'})
    request = daemon.start_chat('a')
    until(lambda: lab.records('a', 'health'))
    watch = Stopwatch()
    daemon.unload('a')
    assert watch.seconds < patience(1)
    answer = request.result()
    assert answer.status in START_FAILED and answer.message.startswith('unspecific error: ')
    lab.wait_for_nobody()


def test_crash_just_after_ready(lab):
    daemon = lab.daemon({'a': '--exit-after 300ms:7'})
    daemon.served_by('a')
    time.sleep(0.3)
    until(lambda: daemon.running() == {})
    stays(lambda: lab.starts('a') == 1, 0.3, 'not being restarted without a request')
