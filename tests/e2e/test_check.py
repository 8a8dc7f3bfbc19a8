"""`llama-swap check`: a configuration is looked at, not served."""

import json
import re
import subprocess

import pytest
import yaml

from harness.daemon import ROOT, daemon_program

CONFIG = """\
startPort: 6100
globalTTL: 60
macros: {server: 'llama-server --port ${PORT}'}
apiKeys: [client-secret]
models:
  a:
    cmd: ${server} --api-key server-secret
    aliases: [alpha]
    env: [A=1, HF_TOKEN=hub-secret]
  b:
    cmd: |
      ${server}
        -m "b c.gguf"
    ttl: 5
  c:
    cmd: serve
    proxy: http://127.0.0.1:9999
groups:
  beside: {exclusive: false, persistent: true, members: [c]}
peers:
  far: {proxy: http://far.example, models: [m1, m2], apiKey: peer-secret}
"""


@pytest.fixture
def check(lab):
    """Runs `check`; texts become files."""

    def run(*arguments, env=None, **files):
        for name, text in files.items():
            (lab.folder / (name + '.yaml')).write_text(text)
        return subprocess.run(
            [daemon_program(), 'check', *arguments],
            cwd=lab.folder,
            env=lab.environment(env),
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run


@pytest.mark.parametrize('flag', [['-config', 'c.yaml'], ['--config=c.yaml'], ['-config-dir', '.'], ['--config-dir=.']])
def test_summary(check, flag):
    done = check(*flag, c=CONFIG)
    assert done.returncode == 0 and done.stderr == '', done
    assert [' '.join(line.split()) for line in done.stdout.splitlines()] == [
        'valid: c.yaml',
        'models 3: a, b, c',
        'groups 2: beside (c), (default) (a, b)',
        'peers 1: far',
        'profiles 0',
        'selectors 0',
        'ports 2: 6100 (a), 6101 (b)',
    ]


def test_all_problems_with_their_places(check):
    text = 'logLevle: warn\nmodels:\n  a:\n    cmd: x --port ${PORT}\n    ttl: soon\n    unlisted: 7\n'
    done = check('-config', 'c.yaml', c=text)
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.splitlines() == [
        'c.yaml:5:10: models.a.ttl: expected an integer, got the string "soon"',
        '        ttl: soon',
        '             ^',
        'c.yaml:6:15: models.a.unlisted: expected a boolean (true or false), got the integer 7',
        '        unlisted: 7',
        '                  ^',
        'c.yaml:1:1: warning: logLevle: unknown key "logLevle": ignored; did you mean logLevel?',
        '    logLevle: warn',
        '    ^',
        '2 errors, 1 warning',
    ]


def test_warnings_alone_are_no_failure(check):
    done = check('-config', 'c.yaml', c='logLevle: warn\n')
    assert done.returncode == 0
    assert 'did you mean logLevel?' in done.stderr and '0 errors, 1 warning' in done.stderr
    assert done.stdout.startswith('valid: c.yaml\n')


@pytest.mark.parametrize(
    'arguments, status, message',
    [
        ([], 1, 'at least one of -config or -config-dir must be provided'),
        (['-config', 'none.yaml'], 1, 'none.yaml'),
        (['-nonsense'], 2, 'nonsense'),
        (['-config', 'c.yaml', 'more'], 2, 'unexpected argument: more'),
        (['-print', '-schema'], 2, 'only one of'),
        (['-diff', 'c.yaml'], 2, 'OLD and NEW'),
        (['-config', 'c.yaml', '-explain', 'nobody'], 1, 'nobody'),
        (['-h'], 0, '-explain name'),
    ],
)
def test_command_line_errors(check, arguments, status, message):
    done = check(*arguments, c=CONFIG)
    assert done.returncode == status and message in done.stderr and done.stdout == '', done


def test_print(check):
    done = check('-config', 'c.yaml', '--print', c=CONFIG)
    assert done.returncode == 0 and done.stderr == '', done
    for secret in ('client-secret', 'server-secret', 'hub-secret', 'peer-secret'):
        assert secret not in done.stdout
    for line in (
        'startPort: 6100  # c.yaml:1:12',
        'logLevel: info  # default',
        '  - "********"  # c.yaml:4:11',
        '    cmd: llama-server --port 6100 --api-key ********  # c.yaml:7:10',
        '    ttl: 60  # c.yaml:2:12',
        '    ttl: 5  # c.yaml:14:10',
        '      - HF_TOKEN=********  # c.yaml:9:16',
        '    proxy: http://localhost:6100  # default',
    ):
        assert line in done.stdout.splitlines(), (line, done.stdout)
    effective = yaml.safe_load(done.stdout)
    assert effective['models']['b']['cmd'] == 'llama-server --port 6101\n  -m "b c.gguf"\n'
    assert effective['peers']['far']['timeouts']['responseHeader'] == 60
    assert effective['routing']['router']['settings']['groups']['beside']['members'] == ['c']


@pytest.mark.parametrize('example', sorted((ROOT / 'examples').glob('*.yaml')), ids=lambda path: path.stem)
def test_what_is_printed_means_the_same(check, lab, example):
    text = example.read_text()
    env = {name: 'value-of-' + name for name in re.findall(r'\$\{env\.(\w+)\}', text)}
    done = check('-config', str(example), '-print', env=env)
    assert done.returncode == 0, done
    done = check('-diff', str(example), 'printed.yaml', env=env, printed=done.stdout)
    assert done.returncode == 0, done
    for line in done.stdout.splitlines():
        # Ports are numbers now, secrets are masked.
        known = line.endswith((': unchanged', ': policy changed: ${PORT}', '.apiKey'))
        masked = line in ('changed: apiKeys', 'changed: tracing.headers')
        assert known or masked or line == 'no other setting changed', done.stdout


def test_explain(check):
    done = check('-config', 'c.yaml', '--explain', 'alpha', c=CONFIG)
    assert done.returncode == 0 and done.stderr == '', done
    assert done.stdout.splitlines() == [
        'model:       a',
        'aliases:     alpha',
        'command:     llama-server',
        '             --port',
        '             6100',
        '             --api-key',
        '             ********',
        'environment: A=1',
        '             HF_TOKEN=********',
        'port:        6100',
        'proxy:       http://localhost:6100',
        'ready:       when GET /health answers 200, within 2m0s',
        'stop:        SIGTERM to the process group',
        '             then SIGKILL, after 10s; what is left of the process tree goes, too',
        'idle:        unloaded after 1m0s',
        'requests:    10 at a time',
        'timeouts:    connect 30s, head of the answer unlimited',
        'group:       (default): swap, exclusive, not persistent',
        '             members a, b',
        'makes room:  while b runs: stops b',
        '             while c runs: stops nothing',
        '             while all others run: stops b',
    ]


def test_explain_tells_what_the_daemon_does(check, lab):
    """The eviction that is announced is the one that happens."""
    config = {
        'startPort': lab.ports(),
        'models': {name: {'cmd': lab.fake(name)} for name in 'abc'},
        'matrix': {'sets': {'one': 'a & b', 'two': 'c & b'}},
    }
    daemon = lab.daemon(config=config)
    daemon.served_by('a')
    daemon.served_by('b')
    said = check('-config', str(daemon.config_file), '-explain', 'c').stdout
    assert 'while all others run: stops a (set two, cost 1)' in said, said
    daemon.served_by('c')
    daemon.wait_for_state('a', 'stopped')
    assert daemon.state('b') == 'ready'


def test_diff(check, lab):
    new = CONFIG.replace('globalTTL: 60', 'globalTTL: 61').replace('cmd: serve', 'cmd: serve -x')
    new = new.replace('    ttl: 5\n', '    ttl: 5\n  bb: {cmd: "${server}"}\n').replace('peer-secret', 'other-secret')
    done = check('--diff', 'old.yaml', 'new.yaml', old=CONFIG, new=new)
    assert done.returncode == 0 and done.stderr == '', done
    assert done.stdout.splitlines() == [
        'a: policy changed: ttl',
        'b: unchanged',
        'bb: added',
        'c: restarted on next use: cmd; policy changed: ttl',
        'changed: globalTTL',
        'changed: peers.far.apiKey',
    ]
    folder = lab.folder / 'folder'
    folder.mkdir()
    (folder / 'any.yml').write_text(CONFIG)
    assert check('-diff', 'old.yaml', 'folder').stdout.endswith('c: unchanged\nno other setting changed\n')


def test_diff_needs_two_valid_ones(check):
    for pair in (('good.yaml', 'bad.yaml'), ('bad.yaml', 'good.yaml'), ('good.yaml', 'none.yaml')):
        done = check('-diff', *pair, good=CONFIG, bad='startPort: no\n')
        assert done.returncode == 1 and done.stdout == '' and done.stderr, done


def test_diff_tells_what_a_reload_does(check, lab):
    """Restarted is what is called restarted, and nothing else."""
    config = {
        'startPort': lab.ports(),
        'models': {name: {'cmd': lab.fake(name)} for name in 'ab'},
        'groups': {'g': {'swap': False, 'members': ['a', 'b']}},
    }
    daemon = lab.daemon(config=config)
    before = {name: daemon.served_by(name)['pid'] for name in 'ab'}
    (lab.folder / 'old.yaml').write_text(daemon.config_file.read_text())
    config['models']['a']['timeouts'] = {'connect': 7}
    config['models']['b']['env'] = ['X=1']
    daemon.reload(config)
    said = check('-diff', 'old.yaml', str(daemon.config_file)).stdout
    assert 'a: policy changed: timeouts.connect\nb: restarted on next use: env\n' in said, said
    after = {name: daemon.served_by(name)['pid'] for name in 'ab'}
    assert after['a'] == before['a'] and after['b'] != before['b']


def test_schema(check):
    done = check('-schema')
    assert done.returncode == 0 and 'models' in json.loads(done.stdout)['properties']
    assert json.loads(done.stdout) == json.loads((ROOT / 'docs' / 'config-schema.json').read_text())


@pytest.mark.parametrize(
    'model, message',
    [
        ('{}', 'c.yaml:1:10: models.a.cmd: is missing, and so is proxy'),
        ('{ttl: 5}', 'c.yaml:1:10: models.a.cmd: is missing, and so is proxy'),
        ('{cmd: serve}', 'c.yaml:1:19: models.a.cmd: cmd does not use ${PORT}: use it, or set proxy'),
        ("{cmd: serve, proxy: 'http://h:${PORT}'}", 'c.yaml:1:33: models.a.proxy: "http://h:${PORT}" uses ${PORT}'),
    ],
)
def test_model_without_port(check, model, message):
    done = check('-config', 'c.yaml', c='models: {a: %s}\n' % model)
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert '1 error, 0 warnings' in done.stderr


def test_refused_start_shows_warnings_too(lab):
    (lab.folder / 'c.yaml').write_text('models:\n  a:\n    cmds: serve\n')
    done = subprocess.run(
        [daemon_program(), '-config', 'c.yaml'],
        cwd=lab.folder,
        env=lab.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    missing = done.stderr.index('models.a.cmd: is missing')
    assert missing < done.stderr.index('unknown key "cmds": ignored; did you mean cmd?')
