"""Samples of the machine: the history for the console, the newest for Prometheus."""

import os
import re
import urllib.parse

import pytest

from harness.waiting import patience, stays, until

EVERY = 5  # seconds, the least there is


def samples(daemon, after=None):
    query = '' if after is None else '?after=' + urllib.parse.quote(after)
    answer = daemon.get('/api/performance' + query)
    assert answer.status == 200 and answer.headers['content-type'] == 'application/json', answer
    assert answer.json['enabled'] is True
    return answer.json['sys_stats']


def wait_for_samples(daemon, count=1):
    return until(lambda: len(samples(daemon)) >= count and samples(daemon), count * EVERY + patience(2), 'samples')


def test_samples_of_the_machine(lab):
    daemon = lab.daemon({})
    empty = daemon.get('/metrics?families=machine')
    assert (empty.status, empty.body, samples(daemon)) == (200, b'', [])
    assert empty.headers['content-type'] == 'text/plain; version=0.0.4; charset=utf-8'

    first = wait_for_samples(daemon)[0]
    online = len(re.findall(r'^cpu\d', open('/proc/stat').read(), re.M))
    assert len(first['cpu_util_per_core']) == online and all(0 <= c <= 100 for c in first['cpu_util_per_core'])
    total = int(re.search(r'MemTotal:\s+(\d+)', open('/proc/meminfo').read())[1]) // 1024
    assert first['mem_total_mb'] == total
    assert 0 < first['mem_used_mb'] < total and 0 < first['mem_free_mb'] < total
    assert 0 <= first['swap_used_mb'] <= first['swap_total_mb']
    assert all(first[key] >= 0 for key in ('load_avg_1', 'load_avg_5', 'load_avg_15'))
    interfaces = {n['name']: n for n in first['net_io']}
    assert set(interfaces) == set(os.listdir('/sys/class/net')) - {'lo', 'bonding_masters'}
    assert all(n['bytes_recv'] >= 0 and n['bytes_sent'] >= 0 for n in interfaces.values())

    text = daemon.get('/metrics').text
    values = dict(line.rsplit(' ', 1) for line in text.splitlines() if not line.startswith('#'))
    assert int(values['llamaswap_memory_total_bytes']) == total << 20
    for core in range(online):
        assert 0 <= float(values['llamaswap_cpu_util_percent{core="%d"}' % core]) <= 100
    families = re.findall(r'^# TYPE (\S+)', text, re.M)
    assert families == re.findall(r'^# HELP (\S+) \S', text, re.M)
    assert families[:7] == ['llamaswap_' + name for name in (
        'cpu_util_percent', 'memory_total_bytes', 'memory_used_bytes', 'memory_free_bytes', 'swap_total_bytes',
        'swap_used_bytes', 'load_average')]

    assert samples(daemon, first['timestamp']) == samples(daemon)[1:]
    assert samples(daemon, '2001-01-01T00:00:00+02:00') == samples(daemon)
    assert daemon.get('/api/performance?after=2001-01-01T00:00:00+02:00').status == 200
    assert samples(daemon, '2999-01-01T00:00:00Z') == []
    wrong = daemon.get('/api/performance?after=yesterday')
    assert (wrong.status, wrong.message) == (400, "invalid 'after' timestamp, use RFC3339 format")


@pytest.mark.slow
def test_reload(lab):
    config = lab.config({}, performance={'every': '5s'})
    daemon = lab.daemon(config=config)
    first = wait_for_samples(daemon)[0]
    config['logLevel'] = 'info'
    daemon.reload(config)
    assert samples(daemon)[0] == first, 'samples were lost without a reason'

    config['performance'] = {'every': '6s'}
    daemon.reload(config)
    assert samples(daemon) == []
    wait_for_samples(daemon)

    config['performance'] = {'disabled': True, 'every': '6s'}
    daemon.reload(config)
    assert samples(daemon) == []
    assert daemon.get('/metrics?families=machine').body == b''
    stays(lambda: samples(daemon) == [], 6.5)
    config['performance'] = {}
    daemon.reload(config)
    wait_for_samples(daemon)


def test_disabled_at_start(lab):
    config = lab.config({}, performance={'disabled': True})
    daemon = lab.daemon(config=config)
    for _ in range(2):
        answer = daemon.get('/api/performance')
        assert (answer.status, answer.text) == (503, '{"enabled":false}\n')
        answer = daemon.get('/metrics')
        assert (answer.status, answer.text) == (503, '# performance monitor not available\n')
        config['performance'] = {'disabled': False}
        daemon.reload(config)
