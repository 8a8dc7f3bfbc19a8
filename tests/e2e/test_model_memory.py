"""How much memory model servers take: per instance, and for Prometheus."""

import re

import pytest

from harness import procs
from harness.nvidia_smi import NvidiaSmi, has_nvml
from harness.waiting import patience, until

MIB = 1 << 20


def instances(daemon):
    answer = daemon.get('/api/instances')
    assert answer.status == 200 and answer.headers['content-type'] == 'application/json', answer
    return answer.json['instances']


def gauges(daemon):
    found = re.findall(r'^llamaswap_model_memory_(\w+)_bytes\{(.*)\} (\d+)$', daemon.get('/metrics').text, re.M)
    return {(kind, labels): int(value) for kind, labels, value in found}


def test_instances(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, performance={'disabled': True})
    assert instances(daemon) == []
    daemon.served_by('a')
    (first,) = instances(daemon)
    assert list(first) == ['model', 'serial', 'pid', 'reason', 'started_at', 'ready_at', 'load_ms', 'state', 'in_flight', 'memory']
    assert (first['model'], first['state'], first['memory'], first['in_flight']) == ('a', 'ready', None, 0)
    assert first['pid'] == lab.pid('a') and 0 <= first['load_ms'] < patience(5) * 1000
    assert re.fullmatch(r'20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', first['started_at'])
    running = daemon.open_chat('a', 'hold:20s')
    until(lambda: instances(daemon)[0]['in_flight'] == 1, patience(3), 'the request')
    assert instances(daemon)[0]['started_at'][:19] == first['started_at'][:19]
    running.close()
    daemon.served_by('b')
    (second,) = instances(daemon)
    assert second['model'] == 'b' and second['serial'] > first['serial']
    daemon.unload()
    assert instances(daemon) == []


def test_while_it_starts(lab):
    daemon = lab.daemon({'a': '--load 20s'}, performance={'disabled': True})
    lab.background(daemon.chat, 'a')
    (one,) = until(lambda: (i := instances(daemon)) and i[0].get('pid') and i, patience(5), 'the instance')
    assert one['state'] == 'starting' and 'load_ms' not in one


@pytest.mark.slow
def test_memory_of_trees(lab):
    if has_nvml():
        pytest.skip('the daemon asks the real driver here')
    smi = NvidiaSmi(lab.folder / 'tools')
    groups = {'all': {'swap': False, 'members': ['a', 'b']}}
    models = {'a': '--memory 64MiB --child setsid', 'b': ''}
    daemon = lab.daemon(models, groups=groups, env=smi.env)
    daemon.served_by('a')
    daemon.served_by('b')
    (child,) = [pid for pid in procs.pids() if (stat := procs.stat(pid)) and stat[1] == lab.pid('a')]
    smi.set([(lab.pid('a'), 500), (child, 12), (lab.pid('b'), '[N/A]'), (daemon.pid, 99)])

    def measured():
        found = {i['model']: i['memory'] for i in instances(daemon)}
        return all(found.values()) and found['a']['devices'] and found

    found = until(measured, patience(14), 'memory', every=0.2)
    assert found['a']['devices'] == [{'device': 'GPU-a', 'bytes': 512 * MIB}]
    assert found['b']['devices'] == []
    assert 64 * MIB <= found['a']['resident_bytes'] < 96 * MIB
    assert 0 < found['b']['resident_bytes'] < 32 * MIB
    shown = gauges(daemon)
    assert shown['device', 'model="a",device="GPU-a"'] == 512 * MIB
    assert shown['resident', 'model="a"'] == found['a']['resident_bytes']
    daemon.unload('a')
    assert not [labels for _, labels in gauges(daemon) if 'model="a"' in labels]
    until(lambda: ('resident', 'model="b"') in gauges(daemon), patience(7), 'the other one')
