"""kill -9 of the daemon at random moments: one second later nothing of any model is left, and the next start works."""

import os
import random
import time

import pytest

from harness import procs
from harness.waiting import SCALE, patience

CYCLES = int(os.environ.get('KILL_CYCLES', '12'))
ORPHAN_GRACE = 1.0


def awkward_models(lab, notes):
    wrapped = "sh -c '%s & sleep 1000 & wait'" % lab.fake('wrapped')
    return {
        'plain': '',
        'wrapped': {'cmd': wrapped},
        'daemonising': '--daemon',
        'family': '--child setsid --child setsid+pipe --child plain',
        'stubborn': {'flags': '--on-term ignore', 'unloadTimeout': 1},
        'stopped': {'cmdStop': "sh -c 'echo ${PID} >> %s; kill ${PID}'" % notes},
    }


def daemon_with(lab, notes, config=None):
    models = awkward_models(lab, notes)
    if config is None:
        config = lab.config(models, groups={'g': {'swap': False, 'members': list(models)}})
    return lab.daemon(config=config), config


def served(daemon, model):
    answer = daemon.chat(model, 'echo')
    assert answer.status == 200 and answer.json['tag'] == model, (model, answer)


def attempt(action, *arguments, **options):
    """Something that the kill interrupts."""
    try:
        action(*arguments, **options)
    except (OSError, AssertionError, ValueError):
        pass


def disturb(lab, daemon, chance):
    """Starts, requests and stops in the background; returns what it did."""
    plan = []
    for model in chance.sample(sorted(daemon.models), chance.randint(1, len(daemon.models))):
        plan.append('request ' + model)
        lab.background(attempt, daemon.chat, model, 'events:100/10ms', stream=True, timeout=10)
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0, 0.15))
        model = chance.choice(sorted(daemon.models))
        plan.append('unload ' + model)
        lab.background(attempt, daemon.post, '/api/models/unload/' + model, timeout=10)
    time.sleep(chance.choice([0, chance.uniform(0, 0.02), chance.uniform(0, 0.3)]))
    return plan


def how_long(lab, killed):
    """For the report: slow, or for ever?"""
    while lab.alive() and time.monotonic() < killed + 20:
        time.sleep(0.05)
    return 'gone after %.1f s' % (time.monotonic() - killed) if not lab.alive() else 'still there 20 s later'


@pytest.mark.slow
def test_cycles(lab):
    seed = int(os.environ.get('KILL_SEED', random.randrange(10**6)))
    print('KILL_SEED=%d KILL_CYCLES=%d' % (seed, CYCLES))
    chance = random.Random(seed)
    notes = lab.folder / 'stop-commands'
    notes.touch()
    config = None
    for cycle in range(CYCLES):
        daemon, config = daemon_with(lab, notes, config)
        daemon.models = config['models']
        if chance.random() < 0.5:
            for model in daemon.models:
                served(daemon, model)
        plan = disturb(lab, daemon, chance)
        where = 'cycle %d of seed %d: %s' % (cycle, seed, plan)

        running = [r['pid'] for r in lab.records('stopped', 'start') if procs.alive(r['pid'])]
        killed = daemon.kill()
        deadline = killed + ORPHAN_GRACE + max(1, SCALE / 2)
        while (left := lab.alive()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left, '%s: left %s, %s' % (where, procs.describe(left), how_long(lab, killed))
        stop_commands = notes.read_text().split()
        assert all(str(pid) in stop_commands for pid in running), '%s: cmdStop did not run' % where

        daemon, config = daemon_with(lab, notes, config)
        for model in config['models']:
            served(daemon, model)
        daemon.kill()
        lab.wait_for_nobody(patience(2))


def test_polite_models_get_a_second(lab):
    """After the daemon's death the stop recipe runs with a grace of one second, not with none."""
    daemon = lab.daemon({'a': '--on-term delay:300ms'})
    daemon.served_by('a')
    daemon.kill()
    lab.wait_for_nobody(patience(1))
    assert [r['status'] for r in lab.records('a', 'exit')] == [0]


def test_stubborn_models_get_no_more(lab):
    daemon = lab.daemon({'a': {'flags': '--on-term ignore', 'unloadTimeout': 60}})
    daemon.served_by('a')
    killed = daemon.kill()
    lab.wait_for_nobody(patience(2))
    assert 0.8 < time.monotonic() - killed < 1 + patience(0.5)
    assert lab.records('a', 'term')


def test_kill_while_the_model_loads(lab):
    daemon = lab.daemon({'a': '--load 1h'})
    lab.background(attempt, daemon.chat, 'a', timeout=10)
    daemon.wait_for_state('a', 'starting')
    daemon.kill()
    lab.wait_for_nobody(patience(2))


def test_kill_while_the_model_stops(lab):
    daemon = lab.daemon({'a': {'flags': '--on-term ignore', 'unloadTimeout': 60}})
    daemon.served_by('a')
    lab.background(attempt, daemon.get, '/unload', timeout=10)
    daemon.wait_for_state('a', 'stopping')
    killed = daemon.kill()
    lab.wait_for_nobody(patience(2))
    assert time.monotonic() - killed < 1 + patience(0.5)
