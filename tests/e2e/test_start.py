"""The command line and the first seconds."""

import re
import signal
import subprocess

import pytest

from harness import wire
from harness.daemon import daemon_program
from harness.waiting import Stopwatch, patience, until


def run(lab, *arguments):
    return subprocess.run(
        [daemon_program(), *arguments],
        cwd=lab.folder,
        env=lab.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_version(lab):
    done = run(lab, '-version', '-listen', 'nonsense')
    assert done.returncode == 0 and done.stdout.startswith('version: ') and ', built at ' in done.stdout


@pytest.mark.parametrize(
    'arguments, status, message',
    [
        ([], 1, 'at least one of -config or -config-dir must be provided'),
        (['-config', 'none.yaml', '-tls-cert-file', 'x'], 1, 'both -tls-cert-file and -tls-key-file must be provided'),
        (['-config', 'none.yaml'], 1, 'none.yaml'),
        (['-nonsense'], 2, 'nonsense'),
        (['-watch-config=maybe'], 2, 'maybe'),
        (['-help'], 0, '-listen'),
    ],
)
def test_command_line_errors(lab, arguments, status, message):
    done = run(lab, *arguments)
    assert done.returncode == status and message in done.stderr, done


def test_invalid_configuration_names_the_place(lab):
    (lab.folder / 'bad.yaml').write_text('models:\n  a:\n    cmd: x --port ${PORT}\n    ttl: soon\n')
    done = run(lab, '--config=bad.yaml')
    assert done.returncode == 1
    assert 'failed to load config' in done.stderr and 'bad.yaml' in done.stderr and 'ttl' in done.stderr


def test_listen_address_taken(lab):
    first = lab.daemon({})
    done = run(lab, '-config', str(first.config_file), '-listen', '127.0.0.1:%d' % first.port)
    assert done.returncode == 1 and str(first.port) in done.stderr


def test_empty_configuration_is_valid(lab):
    daemon = lab.daemon(config='')
    assert daemon.get('/v1/models').json == {'object': 'list', 'data': []}
    assert daemon.get('/running').json == {'running': []}


def test_says_where_it_listens(lab):
    daemon = lab.daemon({})
    daemon.wait_for_log('llama-swap listening on http://127.0.0.1:%d' % daemon.port)
    assert 'reachable by all hosts' not in daemon.log()


def test_warns_of_a_port_that_is_open_to_all(lab):
    def warnings(daemon):
        until(lambda: 'GET /health' in daemon.output())  # the log is written a moment later
        return len(re.findall(r'\[WARN\] .*no apiKeys', daemon.output()))

    everywhere = '0.0.0.0:%d' % lab.port()
    config = lab.config({}, listen=[everywhere], apiKeys=['key'])
    daemon = lab.daemon(config=config)
    assert warnings(daemon) == 0 and 'reachable by all hosts' in daemon.output()
    for keys, count in ([], 1), ([], 1), (['key'], 1), ([{'key': 'k', 'name': 'n'}], 1), ([], 2):
        daemon.write(dict(config, apiKeys=keys))
        before = daemon.output().count('configuration reloaded')
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.output().count('configuration reloaded') > before)
        until(lambda: warnings(daemon) == count, what='%d warnings' % count)
    assert warnings(lab.daemon({})) == 0
    assert warnings(lab.daemon({}, listen=['0.0.0.0:%d' % lab.port()])) == 1


def test_says_which_free_port_it_took(lab):
    daemon = lab.daemon({}, arguments=['-listen', '127.0.0.1:0'], wait=False)
    said = re.compile(r'llama-swap listening on http://127\.0\.0\.1:(\d+)\n')
    daemon.port = int(until(lambda: said.search(daemon.output()))[1])
    assert daemon.port != 0
    daemon.wait_until_up()


def test_listens_within_a_moment(lab):
    watch = Stopwatch()
    daemon = lab.daemon({'a': ''})
    assert watch.seconds < patience(0.3)
    assert not wire.refused(daemon.port)


def test_two_config_sources_are_merged(lab):
    folder = lab.folder / 'more'
    folder.mkdir()
    (folder / 'b.yaml').write_text('models:\n  b:\n    cmd: %s\n' % lab.fake('b'))
    daemon = lab.daemon({'a': ''}, arguments=['-config-dir', str(folder)])
    assert [m['id'] for m in daemon.get('/v1/models').json['data']] == ['a', 'b']
    daemon.served_by('b')
