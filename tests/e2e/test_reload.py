"""SIGHUP and -watch-config: what changed changes, the rest goes on."""

import json
import os
import signal

import pytest

from harness import procs
from harness.daemon import START_FAILED
from harness.waiting import patience, stays, until

TOGETHER = {'g': {'swap': False, 'members': ['a', 'b']}}


@pytest.fixture
def config(lab):
    return lab.config({'a': '', 'b': ''}, groups=TOGETHER)


def test_unchanged_models_go_on(lab, config):
    daemon = lab.daemon(config=config)
    before = daemon.served_by('a')['pid'], daemon.served_by('b')['pid']
    stream = daemon.open_chat('a', 'events:20/50ms', stream=True)
    stream.read_until('"n":1,')
    config['logLevel'] = 'info'
    daemon.reload(config)
    assert stream.finish().complete
    assert (daemon.served_by('a')['pid'], daemon.served_by('b')['pid']) == before


def test_changed_model_is_drained_and_started_anew_on_use(lab, config):
    daemon = lab.daemon(config=config)
    a, b = daemon.served_by('a')['pid'], daemon.served_by('b')['pid']
    stream = daemon.open_chat('a', 'events:20/50ms', stream=True)
    stream.read_until('"n":1,')
    config['models']['a']['cmd'] += ' --print changed'
    daemon.reload(config)
    assert stream.finish().complete, 'a running request was cut'
    assert daemon.served_by('a')['pid'] != a and daemon.served_by('b')['pid'] == b
    exits, starts = lab.records('a', 'exit'), lab.records('a', 'start')
    assert exits[0]['t'] <= starts[1]['t'], 'two instances at once'


def test_policy_changes_without_a_restart(lab, config):
    daemon = lab.daemon(config=config)
    pid = daemon.served_by('a')['pid']
    config['models']['a'].update(ttl=1, name='new name')
    daemon.reload(config)
    assert daemon.get('/v1/models').json['data'][0]['name'] == 'new name'
    assert daemon.served_by('a')['pid'] == pid
    until(lambda: daemon.state('a') == 'stopped', 2 + patience(0.5))


def test_added_and_removed(lab, config):
    daemon = lab.daemon(config=config)
    daemon.served_by('a')
    pid = lab.pid('a')
    config['models'] = {'b': config['models']['b'], 'c': {'cmd': lab.fake('c')}}
    config['groups'] = {}
    daemon.reload(config)
    until(lambda: lab.records('a', 'exit') and lab.records('a', 'exit')[0]['pid'] == pid)
    assert daemon.chat('a').status == 404
    daemon.served_by('c')


@pytest.mark.parametrize(
    'text, named',
    [
        ('models: {a: {cmd: x', ''),
        ('models:\n  a:\n    cmd: x ${PORT}\n    ttl: soon\n', 'ttl'),
        ('logToStdout: everything\n', 'logToStdout'),
        ('groups:\n  g:\n    members: [nobody]\n', 'nobody'),
    ],
)
def test_invalid_file_changes_nothing(lab, config, text, named):
    daemon = lab.daemon(config=config)
    pid = daemon.served_by('a')['pid']
    daemon.reload(text, 'failed to reload config')
    line = [x for x in daemon.log().splitlines() if 'failed to reload config' in x][-1]
    assert line.startswith('[WARN]') and named in line and daemon.config_file.name in line
    assert daemon.served_by('a')['pid'] == pid
    daemon.served_by('b')
    daemon.reload(config)


def test_missing_file_changes_nothing(lab, config):
    daemon = lab.daemon(config=config)
    pid = daemon.served_by('a')['pid']
    os.rename(daemon.config_file, lab.folder / 'away')
    daemon.reload(log='failed to reload config')
    assert daemon.served_by('a')['pid'] == pid


def test_requests_that_wait_are_kept(lab, config):
    config['models']['a']['cmd'] += ' --load 700ms'
    daemon = lab.daemon(config=config)
    waiting = daemon.start_chat('a')
    daemon.wait_for_state('a', 'starting')
    config['models']['b']['name'] = 'other'
    daemon.reload(config)
    assert waiting.result().status == 200 and lab.starts('a') == 1


@pytest.mark.parametrize('waits_for', ['its start', 'another model'])
def test_requests_that_wait_for_a_removed_model_are_told(lab, waits_for):
    config = lab.config({'a': '', 'b': '--load 1h'})
    daemon = lab.daemon(config=config)
    events = daemon.open('GET', '/api/events')
    if waits_for == 'another model':
        stream = daemon.open_chat('a', 'events:20/50ms', stream=True)
        stream.read_until('"n":1,')
    waiting = daemon.start_chat('b')
    events.read_until('\\"model\\":\\"b\\"')
    if waits_for == 'its start':
        daemon.wait_for_state('b', 'starting')
    del config['models']['b']
    daemon.reload(config)
    answer = waiting.result(patience(3))
    assert answer.status == 500 and 'model unloaded' in answer.message, answer
    if waits_for == 'another model':
        assert stream.finish().complete and not lab.starts('b')


def test_signals_during_a_reload_are_not_lost(lab, config):
    daemon = lab.daemon(config=config)
    for n in range(10):
        config['models']['a']['name'] = 'name %d' % n
        daemon.write(config)
        daemon.signal(signal.SIGHUP)
    until(lambda: daemon.get('/v1/models').json['data'][0].get('name') == 'name 9', patience(2))


def test_termination_during_a_reload_leaves_nothing(lab, config):
    daemon = lab.daemon(config=config)
    daemon.served_by('a'), daemon.served_by('b')
    config['models']['a']['cmd'] += ' --print changed'
    daemon.write(config)
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_exit()
    lab.wait_for_nobody(patience(0.2))


def test_event_streams_survive(lab, config):
    daemon = lab.daemon(config=config)
    stream = daemon.open('GET', '/logs/stream/proxy')
    stream.read_until('listening')
    daemon.reload(config)
    daemon.get('/after-the-reload')
    stream.read_until('/after-the-reload')


@pytest.mark.parametrize('how', ['rename', 'in place', 'symlink'])
def test_watching(lab, config, how):
    daemon = lab.daemon(config=config, arguments=['-watch-config'])
    daemon.wait_for_log('watching configuration for changes')
    config['models']['a']['name'] = 'new'
    if how == 'rename':
        daemon.write(config)
    elif how == 'in place':
        daemon.config_file.write_text(json.dumps(config))
    else:
        other = lab.folder / 'other.yaml'
        kept = daemon.config_file
        daemon.config_file = other
        daemon.write(config)
        kept.unlink()
        kept.symlink_to(other)
    until(lambda: daemon.get('/v1/models').json['data'][0].get('name') == 'new', 2 + patience(1.5))


def test_the_difference_is_told_and_touches_nothing_else(lab):
    config = lab.config({name: '' for name in 'abd'}, groups={'all': {'swap': False, 'members': list('abd')}})
    daemon = lab.daemon(config=config)
    pids = {name: daemon.served_by(name)['pid'] for name in 'abd'}
    stream = daemon.open_chat('a', 'events:30/50ms', stream=True)
    stream.read_until('data: ')
    added = lab.config({name: '' for name in 'abc'})
    config['models'] = added['models']
    config['groups']['all']['members'] = list('abc')
    config['models']['b']['cmd'] += ' --print changed'
    config['logLevel'] = 'info'
    daemon.reload(config)
    said = [line.split('configuration of ', 1)[1] for line in daemon.log().splitlines() if 'configuration of ' in line]
    assert said == ['b: launch settings changed', 'c: added', 'd: removed']
    until(lambda: not procs.alive(pids['d']), what='d to be stopped')
    assert stream.finish().complete
    assert daemon.served_by('a')['pid'] == pids['a']
    assert daemon.served_by('b')['pid'] != pids['b']
    assert daemon.served_by('c')['tag'] == 'c'
    assert daemon.chat('d').status == 404


def test_a_hundred_reloads_keep_the_memory(lab):
    """Each with twenty models that have logged; their rings are let go of, or kept, but not doubled."""
    names = ['m%02d' % n for n in range(20)]
    config = lab.config({name: '' for name in names}, groups={'all': {'swap': False, 'members': names}})
    daemon = lab.daemon(config=config)

    def round_of(n):
        for name in names:
            config['models'][name]['cmd'] = config['models'][name]['cmd'].split(' --print')[0] + ' --print round-%d' % n
        config['models'][names[0]]['name'] = 'round %d' % n
        daemon.write(config)
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.get('/v1/models').json['data'][0].get('name') == 'round %d' % n)
        for name in names[n % 4 :: 4]:
            daemon.served_by(name)

    def memory():
        return procs.memory_kib(daemon.pid)

    for n in range(20):
        round_of(n)
    early = memory()
    for n in range(20, 120):
        round_of(n)
    assert memory() < early * 1.1


def test_untouched_file_triggers_nothing(lab, config):
    daemon = lab.daemon(config=config, arguments=['-watch-config'])
    stays(lambda: 'reloading' not in daemon.log(), 4.5, 'quiet', 0.2)


def test_broken_start_after_reload_is_only_its_own(lab, config):
    daemon = lab.daemon(config=config)
    pid = daemon.served_by('b')['pid']
    config['models']['a']['cmd'] = 'no-such-program ${PORT}'
    daemon.reload(config)
    assert daemon.chat('a').status in START_FAILED
    assert daemon.served_by('b')['pid'] == pid
