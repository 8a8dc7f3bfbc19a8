"""What a model's process finds around it, and what a start that fails looks like."""

import os

from harness import procs
from harness.daemon import START_FAILED
from harness.waiting import patience, stays, until


def test_surroundings(lab):
    daemon = lab.daemon({'a': {'env': ['X=1', 'X=2', 'HOME=/nowhere']}}, env={'Y': 'z'})
    daemon.served_by('a')
    (start,) = lab.records('a', 'start')
    assert start['env']['X'] == '2' and start['env']['HOME'] == '/nowhere' and start['env']['Y'] == 'z'
    assert start['cwd'] == str(lab.folder)
    assert start['pgid'] == start['pid'] and start['sid'] != procs.stat(daemon.pid)[3]
    fds = dict(start['fds'])
    assert sorted(fds) == [0, 1, 2], 'inherited descriptors: %r' % fds
    assert fds[0] == '/dev/null' and fds[1] == fds[2]


def test_descriptors_of_a_busy_daemon_stay_its_own(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, groups={'g': {'swap': False, 'members': ['a', 'b']}})
    held = daemon.busy_chat('a', 'hold:1s')
    events = daemon.open('GET', '/api/events')
    events.head()
    daemon.served_by('b')
    assert sorted(fd for fd, _ in lab.records('b', 'start')[0]['fds']) == [0, 1, 2]
    assert held.result().status == 200


def test_command_is_split_like_a_shell_would_without_running_one(lab):
    command = '\n'.join(
        [
            '# a comment',
            lab.fake('a') + ' \\',
            "  --print 'one  $HOME *'",
            '  # another',
            '--print-err "two \\"quoted\\" \\n"',
        ]
    )
    daemon = lab.daemon({'a': {'cmd': command}})
    daemon.served_by('a')
    assert lab.records('a', 'start')[0]['argv'][-4:] == ['--print', 'one  $HOME *', '--print-err', 'two "quoted" \\n']


def test_one_start_serves_all_who_wait(lab):
    daemon = lab.daemon({'a': '--load 500ms'})
    waiting = [daemon.start_chat('a') for _ in range(8)]
    assert [w.result().status for w in waiting] == [200] * 8
    assert lab.starts('a') == 1


def test_missing_program(lab):
    daemon = lab.daemon({'a': {'cmd': 'no-such-program --port ${PORT}'}})
    answer = daemon.chat('a')
    assert answer.status in START_FAILED
    assert answer.message.startswith("unspecific error: failed to start command 'no-such-program --port ")
    assert daemon.running() == {}


def test_empty_command(lab):
    daemon = lab.daemon({'a': {'cmd': '', 'proxy': 'http://127.0.0.1:%d' % lab.port()}})
    answer = daemon.chat('a')
    assert answer.status in START_FAILED and 'empty command' in answer.message


def test_exit_while_starting_fails_at_once_and_the_next_request_tries_again(lab):
    flag = lab.folder / 'flag'
    daemon = lab.daemon({'a': '--need-file %s' % flag})
    answer = daemon.chat('a')
    assert answer.status in START_FAILED and answer.took < patience(1)
    assert answer.message == 'unspecific error: upstream command exited prematurely'
    flag.touch()
    daemon.served_by('a')
    assert lab.starts('a') == 2


def test_failed_start_is_logged_with_its_reason(lab):
    daemon = lab.daemon({'a': '--fail-start 9'})
    daemon.chat('a')
    daemon.wait_for_log('starting a failed: upstream command exited prematurely')


def test_no_zombies(lab):
    daemon = lab.daemon({'a': '--child polite', 'b': '--fail-start 1'})
    for _ in range(3):
        daemon.served_by('a')
        daemon.chat('b')
        daemon.unload()
    until(lambda: not procs.zombies_of(daemon.pid), what='zombies to be reaped')
    lab.wait_for_nobody()


def test_crash_of_a_ready_model_is_noticed_and_repaired(lab):
    daemon = lab.daemon({'a': '--child plain+pipe'})  # the child holds the output pipe
    daemon.served_by('a')
    first = lab.pid('a')
    os.kill(first, 9)
    until(lambda: daemon.state('a') == 'stopped', patience(1), 'the crash to be noticed')
    daemon.wait_for_log('upstream process exited unexpectedly')
    lab.wait_for_nobody(what='leftovers of the crash')
    daemon.served_by('a')
    assert lab.pid('a') != first


def test_client_that_leaves_while_loading_starts_nothing_twice(lab):
    daemon = lab.daemon({'a': '--load 1s'})
    stream = daemon.open_chat('a')
    until(lambda: lab.starts('a'))
    stream.close()
    daemon.wait_for_state('a', 'ready')
    assert lab.starts('a') == 1 and not lab.records('a', 'request')


def test_unknown_requests_start_nothing(lab):
    daemon = lab.daemon({'a': ''})
    assert daemon.chat('b').status == 404
    assert daemon.get('/upstream/b/x').status == 404
    stays(lambda: not lab.starts('a'), 0.2)
