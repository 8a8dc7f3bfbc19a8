"""Commands that are not the server themselves: wrappers, clients of an engine, place holders."""

import os
import signal

import pytest

from harness import procs
from harness.waiting import patience, until

# An engine that runs servers outside of any process tree of ours, as dockerd or sshd do: it takes lines from a pipe.
ENGINE = """#!/bin/sh
# engine FOLDER: "run NAME COMMAND..." starts, "stop NAME" ends
cd "$1"
while read -r verb name rest; do
  case $verb in
    run) $rest > "$name.out" 2>&1 < /dev/null & echo $! > "$name.pid.new"; mv "$name.pid.new" "$name.pid" ;;
    stop) [ -f "$name.pid" ] && kill "$(cat "$name.pid")"; rm -f "$name.pid" ;;
  esac
done <> requests
"""
# Its client: asks, then waits in the foreground; says stop to the engine only when asked by `client stop`.
CLIENT = """#!/bin/sh
# client FOLDER run NAME COMMAND... | client FOLDER stop NAME
folder=$1; shift
echo "$@" > "$folder/requests"
[ "$1" = stop ] && exit
trap 'exit 0' TERM
while :; do sleep 0.05; done
"""


@pytest.fixture
def engine(lab):
    folder = lab.folder / 'engine'
    folder.mkdir()
    os.mkfifo(folder / 'requests')
    lab.start([str(lab.script('engine.sh', ENGINE)), str(folder)])
    return '%s %s' % (lab.script('client.sh', CLIENT), folder)


@pytest.mark.parametrize(
    'script',
    [
        '%s & wait',  # the classic wrapper
        'trap : TERM; %s & wait',  # one that survives the signal
        'sleep 1000 & exec %s',  # a background child beside the server
        '(%s) & sleep 1000',  # the server two levels down, the leader something else
    ],
)
def test_shell_wrappers(lab, script):
    daemon = lab.daemon({'a': {'cmd': "sh -c '%s'" % (script % lab.fake('a'))}})
    for _ in range(2):
        daemon.served_by('a')
        daemon.unload()
        assert lab.nobody_left()
    assert lab.starts('a') == 2


def test_wrapper_that_exits_while_its_server_lives(lab):
    """A command that daemonises: the instance is its server, for detection of the end and for the stop."""
    daemon = lab.daemon({'a': '--daemon'})
    daemon.served_by('a')
    server = lab.records('a', 'listen')[0]['pid']
    os.kill(server, signal.SIGKILL)
    until(lambda: daemon.state('a') == 'stopped', patience(2), 'the end of the daemonised server')
    daemon.served_by('a')
    daemon.unload()
    assert lab.nobody_left()


def test_client_of_an_engine_with_a_stop_command(lab, engine):
    """docker run: the server listens on ${PORT}, but is nobody's child."""
    daemon = lab.daemon({'a': {'cmd': '%s run box %s' % (engine, lab.fake('a')), 'cmdStop': '%s stop box' % engine}})
    for _ in range(2):
        daemon.served_by('a')
        daemon.unload()
        until(lambda: not procs.alive(lab.pid('a')), patience(1), 'the stop command to end the server')
    assert lab.starts('a') == 2


def test_stop_command_runs_even_if_the_daemon_is_killed(lab, engine):
    daemon = lab.daemon({'a': {'cmd': '%s run box %s' % (engine, lab.fake('a')), 'cmdStop': '%s stop box' % engine}})
    daemon.served_by('a')
    daemon.kill()
    until(lambda: not procs.alive(lab.pid('a')), patience(1.5), 'the stop command to end the server')


def test_client_whose_server_listens_elsewhere(lab, engine):
    """ssh: the address in `proxy` has nothing to do with the command."""
    port = lab.port()
    daemon = lab.daemon(
        {
            'a': {
                'cmd': '%s run remote %s' % (engine, lab.fake('a', '--load 300ms', port)),
                'cmdStop': '%s stop remote' % engine,
                'proxy': 'http://127.0.0.1:%d' % port,
            }
        }
    )
    daemon.served_by('a')
    daemon.unload()
    until(lambda: not procs.alive(lab.pid('a')), patience(1))


def test_place_holder_for_a_remote_server(lab):
    remote = lab.start_fake('a')
    daemon = lab.daemon({'a': {'cmd': 'sleep infinity', 'proxy': 'http://127.0.0.1:%d' % remote.port}})
    for _ in range(2):
        assert daemon.served_by('a')['pid'] == remote.pid
        daemon.unload()
        assert lab.nobody_left()
    assert remote.poll() is None, 'a server that is not ours was ended'


ATTACH = """#!/bin/bash
# attach PORT COMMAND...: use the server if it runs, else start it where it outlives us
port=$1; shift
if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
  setsid "$@" > /dev/null 2>&1 < /dev/null &
fi
trap 'exit 0' TERM
while :; do sleep 0.05; done
"""


def attaching(lab, **settings):
    port = lab.port()
    command = '%s %d %s' % (lab.script('attach.sh', ATTACH), port, lab.fake('a', port=port))
    return lab.daemon({'a': {'cmd': command, 'proxy': 'http://127.0.0.1:%d' % port, **settings}})


def test_wrapper_that_attaches_to_its_running_server(lab):
    """stopScope: group leaves alone what left the group on purpose; the next start finds it again."""
    daemon = attaching(lab, stopScope='group')
    first = daemon.served_by('a')['pid']
    daemon.unload()
    # The shim ends by itself once it has said that nothing is left.
    until(lambda: lab.alive() == [first], patience(2), lambda: procs.describe(lab.alive()))
    assert daemon.served_by('a')['pid'] == first


def test_the_same_wrapper_with_the_whole_tree(lab):
    daemon = attaching(lab)
    first = daemon.served_by('a')['pid']
    daemon.unload()
    assert lab.nobody_left()
    assert daemon.served_by('a')['pid'] != first
