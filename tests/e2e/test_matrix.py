"""The matrix: sets of models that may run together."""

import subprocess

import pytest

from harness.daemon import daemon_program
from harness.waiting import patience

MODELS = {name: '' for name in 'abcd'}


def matrix(sets, **more):
    return {'sets': sets, **more}


def test_models_of_a_set_run_side_by_side(lab):
    daemon = lab.daemon(MODELS, matrix=matrix({'s': '(a | b) & c & d'}))
    for model in 'acd':
        daemon.served_by(model)
    assert daemon.running() == {'a': 'ready', 'c': 'ready', 'd': 'ready'}
    pid = lab.pid('c')
    daemon.served_by('b')
    assert daemon.running() == {'b': 'ready', 'c': 'ready', 'd': 'ready'}
    assert daemon.served_by('c')['pid'] == pid
    assert [lab.starts(model) for model in 'abcd'] == [1, 1, 1, 1]


def test_the_cheapest_goes(lab):
    sets = {'base': 'a | x', 'duo': '+base & c'}
    daemon = lab.daemon(
        {**MODELS, 'b/b': ''},
        matrix=matrix({**sets, 'both': 'a & x'}, vars={'x': 'b/b'}, evict_costs={'x': 9, 'a': 3}),
    )
    daemon.served_by('a')
    daemon.served_by('b/b')
    daemon.served_by('c')
    assert daemon.running() == {'b/b': 'ready', 'c': 'ready'}
    daemon.wait_for_log('matrix: model=c set=duo dsl="+base & c" evict=[a] target=[b/b c] cost=3')


@pytest.mark.parametrize(
    'sets, kept',
    [
        ({'one': 'a & b', 'two': 'a & c', 'x': 'b & c'}, 'b'),
        ({'s10': 'a & b', 's9': 'a & c', 'x': 'b & c'}, 'c'),  # natural order of the names
        ({'one': '+two | a & b', 'two': 'a & c', 'x': 'b & c'}, 'c'),  # what is referred to comes first
        ({'s': 'a & (c | b) | b & c'}, 'c'),
        ({'s': 'a & (b | c | b & d) & d | b & c & d'}, 'c'),  # b was superseded by b & d, behind c
    ],
)
def test_of_equals_the_first_stays(lab, sets, kept):
    daemon = lab.daemon(MODELS, matrix=matrix(sets))
    daemon.served_by('b')
    daemon.served_by('c')
    if 'd' in str(sets):
        daemon.served_by('d')
    daemon.served_by('a')
    running = daemon.running()
    assert kept in running and not {'b', 'c'} <= set(running), running


def test_a_model_of_no_set_runs_alone(lab):
    daemon = lab.daemon(MODELS, matrix=matrix({'s': 'a & b'}))
    daemon.served_by('a')
    daemon.served_by('b')
    daemon.served_by('d')
    assert daemon.running() == {'d': 'ready'}
    daemon.wait_for_log('matrix: model=d set= dsl="" evict=[a b] target=[d] cost=0')
    daemon.served_by('a')
    assert daemon.running() == {'a': 'ready'}


def test_says_how_it_decides(lab):
    daemon = lab.daemon(MODELS, matrix=matrix({'s': 'a & (b | c)'}), logLevel='info')
    for model in 'abc':
        daemon.served_by(model)
    daemon.wait_for_log('evict=[b]')
    said = [line.split('] ', 1)[-1] for line in daemon.log().splitlines() if 'matrix: model=' in line]
    assert said == [
        'matrix: model=a starting (no models running)',
        'matrix: model=c set=s dsl="a & (b | c)" evict=[b] target=[a c] cost=1',
    ]
    levels = {line.split(']')[0] for line in daemon.log().splitlines() if 'matrix: model=' in line}
    assert levels == {'[INFO'}


def test_a_busy_model_is_waited_for(lab):
    daemon = lab.daemon(MODELS, matrix=matrix({'s': 'a & (b | c)'}))
    daemon.served_by('a')
    stream = daemon.open_chat('b', 'events:10/50ms', stream=True)
    stream.read_until('"n":1,')
    waiting = daemon.start_chat('c')
    daemon.served_by('a')
    assert stream.finish().complete and waiting.result().status == 200
    assert lab.records('c', 'start')[0]['t'] >= lab.records('b', 'exit')[0]['t']


def test_reload_changes_the_router(lab):
    config = lab.config(MODELS)
    daemon = lab.daemon(config=config)
    daemon.served_by('a')
    pid = lab.pid('a')
    config['routing'] = {'router': {'use': 'matrix', 'settings': {'matrix': matrix({'s': 'a & b'})}}}
    daemon.reload(config)
    daemon.served_by('b')
    assert daemon.running() == {'a': 'ready', 'b': 'ready'} and daemon.served_by('a')['pid'] == pid
    # Both run, and go on, although they do not fit any more.
    config['routing']['router']['settings']['matrix'] = matrix({'s': 'a & c', 't': 'b'})
    daemon.reload(config)
    daemon.served_by('b')
    assert daemon.served_by('a')['pid'] == pid
    daemon.served_by('c')
    assert daemon.running() == {'a': 'ready', 'c': 'ready'}
    del config['routing']
    daemon.reload(config)
    daemon.served_by('b')
    assert daemon.running() == {'b': 'ready'}


def test_more_models_than_a_machine_word_has_bits(lab):
    names = ['m%02d' % i for i in range(70)]
    expression = ' & '.join('(%s | %s)' % pair for pair in zip(names[::2], names[1::2]))
    daemon = lab.daemon({name: '' for name in names}, matrix=matrix({'s': expression}))
    for name in ('m00', 'm03', 'm69'):
        daemon.served_by(name, timeout=patience(10))
    daemon.served_by('m68')
    assert daemon.running() == {'m00': 'ready', 'm03': 'ready', 'm68': 'ready'}


@pytest.mark.parametrize(
    'expression, column, message',
    [
        ('a @ b', 10, 'unexpected character "@" at position 2'),
        ('a b', 10, 'unexpected token "b" at position 2'),
        ('"a & b |"', 16, 'unexpected token end of expression at position 7'),
        ('(a | b', 8, 'missing closing parenthesis'),
        ('a | + b', 12, 'set name expected after + at position 4'),
        ('a & zz', 12, 'unknown var or model "zz"'),
        ('a & alias', 12, 'unknown var or model "alias"'),
        ('a & +zz', 12, '+zz refers to an undefined set'),
        ('a & (b | +s)', 17, 'circular reference: +s leads back to this set'),
        ('', 7, 'empty expression'),
    ],
)
def test_bad_expressions_are_refused(lab, expression, column, message):
    text = 'models:\n  a: {cmd: x, proxy: p, aliases: [alias]}\n  b: {cmd: x, proxy: p}\n'
    (lab.folder / 'bad.yaml').write_text(text + 'matrix:\n  sets:\n    s: %s\n' % expression)
    done = subprocess.run(
        [daemon_program(), '-config', 'bad.yaml', '-listen', '127.0.0.1:0'],
        cwd=lab.folder,
        env=lab.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert 'bad.yaml:6:%d: matrix.sets.s: set "s": %s' % (column, message) in done.stderr, done.stderr
