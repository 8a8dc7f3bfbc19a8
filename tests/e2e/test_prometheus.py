"""What Prometheus gets: our families behind the original's, and every query of the dashboard, by the real program."""

import json
import os
import re
import shutil
import subprocess
import urllib.parse

import pytest

from harness import web
from harness.daemon import ROOT
from harness.nvidia_smi import NvidiaSmi, has_nvml
from harness.waiting import patience, stays, until

DASHBOARD = ROOT / 'packaging' / 'grafana' / 'llama-swap.json'


def program(name):
    return shutil.which(name) or pytest.skip('no %s: scripts/install-deps test installs it' % name)


def own(daemon):
    answer = daemon.get('/metrics?families=own')
    assert answer.status == 200 and answer.headers['content-type'] == 'text/plain; version=0.0.4; charset=utf-8'
    return answer.text


def value(daemon, sample):
    """Of a sample, written as there but for "llamaswap_"; None: there is none."""
    found = re.search('^llamaswap_%s (.*)$' % re.escape(sample), own(daemon), re.M)
    return found and float(found[1])


def families(text):
    return re.findall(r'^# TYPE (\S+)', text, re.M)


def test_requests_and_lives(lab):
    daemon = lab.daemon({'a': '', 'b': ''})
    daemon.served_by('a')
    for _ in range(2):
        daemon.served_by('b')
    assert daemon.chat('nobody').status == 404
    assert daemon.get('/no/such/path').status == 404
    chat = 'model="%s",endpoint="/v1/chat/completions",status="%d"'
    until(lambda: value(daemon, 'requests_total{%s}' % (chat % ('b', 200))) == 2, patience(2), 'the requests')
    assert value(daemon, 'requests_total{%s}' % (chat % ('a', 200))) == 1
    assert value(daemon, 'requests_total{%s}' % (chat % ('', 404))) == 1
    assert value(daemon, 'requests_total{model="",endpoint="other",status="404"}') == 1
    assert 'nobody' not in own(daemon) and 'no/such' not in own(daemon)
    for family, count in (('queue', 2), ('load', 1), ('first_byte', 2), ('duration', 2)):
        assert value(daemon, 'request_%s_seconds_count{model="b"}' % family) == count, family
        assert value(daemon, 'request_%s_seconds_bucket{model="b",le="+Inf"}' % family) == count
        assert value(daemon, 'request_%s_seconds_sum{model="b"}' % family) > 0
    assert value(daemon, 'model_starts_total{model="b",reason="request"}') == 1
    assert value(daemon, 'model_swaps_total{model="b",reason="request"}') == 1
    assert value(daemon, 'model_swaps_total{model="a",reason="request"}') is None
    assert value(daemon, 'model_stops_total{model="a",reason="evicted"}') == 1
    assert value(daemon, 'model_start_duration_seconds_count{model="b"}') == 1
    assert value(daemon, 'model_state{model="b",state="ready"}') == 1
    assert value(daemon, 'model_state{model="a",state="stopped"}') == 1
    assert value(daemon, 'model_state{model="a",state="ready"}') == 0
    os.kill(lab.pid('b'), 9)
    until(lambda: value(daemon, 'model_crashes_total{model="b"}') == 1, patience(3), 'the crash')
    assert value(daemon, 'model_start_failures_total{model="b"}') == 0
    assert value(daemon, 'model_stops_total{model="b",reason="evicted"}') is None
    assert value(daemon, 'client_connections') >= 1 and value(daemon, 'open_streams') == 0


def test_a_start_that_fails(lab):
    daemon = lab.daemon({'bad': {'cmd': 'false', 'proxy': 'http://127.0.0.1:1'}, 'good': ''})
    assert daemon.chat('bad').status == 503
    assert value(daemon, 'model_start_failures_total{model="bad"}') == 1
    assert value(daemon, 'model_crashes_total{model="bad"}') == 0
    assert value(daemon, 'requests_total{model="bad",endpoint="/v1/chat/completions",status="503"}') == 1


def test_waiting_and_in_flight(lab):
    daemon = lab.daemon({'a': '', 'b': ''})
    running = daemon.open_chat('a', 'hold:20s', stream=True)
    until(lambda: value(daemon, 'requests_in_flight{model="a"}') == 1, patience(3), 'the request')
    waiting = daemon.start_chat('b')
    until(lambda: value(daemon, 'requests_waiting{model="b"}') == 1, patience(3), 'the other one')
    assert value(daemon, 'queue_length') == 1
    running.close()
    assert waiting.result().status == 200
    assert value(daemon, 'queue_length') == 0
    gone = 'requests_total{model="a",endpoint="/v1/chat/completions",status="%d"}'
    until(lambda: value(daemon, gone % 499) or value(daemon, gone % 200), patience(3), 'the one that left')


def test_counts_what_is_not_recorded(lab):
    daemon = lab.daemon({'a': ''}, activity={'enabled': False})
    daemon.served_by('a')
    assert daemon.get('/props?model=a').status == 200
    assert daemon.get('/upstream/a/whatever').status in (200, 404)
    assert daemon.get('/api/metrics/activity').json['total'] == 0
    assert value(daemon, 'requests_total{model="a",endpoint="/v1/chat/completions",status="200"}') == 1
    assert value(daemon, 'requests_total{model="a",endpoint="/props",status="200"}') == 1
    passed_on = r'requests_total\{model="a",endpoint="/upstream/\{\.\.\.\}"'
    until(lambda: re.search(passed_on, own(daemon)), patience(2), 'the request through /upstream')


def test_tokens(lab):
    daemon = lab.daemon({'a': ''})
    assert daemon.chat('a').status == 200
    until(lambda: value(daemon, 'tokens_total{model="a",kind="output"}') == 4, patience(2), 'tokens')
    assert value(daemon, 'tokens_total{model="a",kind="input"}') > 0


def test_peers(lab):
    peer = lab.daemon({'far': ''})
    daemon = lab.daemon({'near': ''}, peers={'there': {'proxy': 'http://127.0.0.1:%d' % peer.port, 'models': ['far']}})
    assert daemon.chat('far').status == 200
    assert daemon.chat('there/far').status == 200
    chat = 'requests_total{model="there",endpoint="/v1/chat/completions",status="200"}'
    until(lambda: value(daemon, chat) == 2, patience(2), 'the requests')
    assert value(daemon, 'model_state{model="there",state="ready"}') is None


def test_series_go_with_their_models(lab):
    config = lab.config({'a': '', 'b': ''})
    daemon = lab.daemon(config=config)
    daemon.served_by('a')
    daemon.served_by('b')
    assert 'model="a"' in own(daemon)
    del config['models']['a']
    daemon.reload(config)
    assert 'model="a"' not in own(daemon)
    assert value(daemon, 'requests_total{model="b",endpoint="/v1/chat/completions",status="200"}') == 1


def test_which_families(lab):
    daemon = lab.daemon({'a': ''})
    first = until(lambda: daemon.get('/metrics?families=machine').text, patience(10), 'a sample of the machine')
    machine, ours = families(first), families(own(daemon))
    assert len(set(machine + ours)) == len(machine) + len(ours)
    text = daemon.get('/metrics').text
    assert families(text) == machine + ours
    assert families(text) == re.findall(r'^# HELP (\S+) \S', text, re.M)
    wrong = daemon.get('/metrics?families=none')
    assert (wrong.status, wrong.headers['content-type']) == (400, 'text/plain; charset=utf-8')


def test_without_monitoring(lab):
    daemon = lab.daemon({'a': ''}, performance={'disabled': True})
    assert value(daemon, 'model_state{model="a",state="stopped"}') == 1
    assert daemon.get('/metrics').status == 503
    assert daemon.get('/metrics?families=machine').status == 503


def test_a_key_of_some_models_sees_their_series(lab):
    def get(path, key):
        return daemon.get(path, headers={'Authorization': 'Bearer ' + key})

    def shown(query=''):
        samples = [line for line in get('/metrics' + query, 'few').text.splitlines() if not line.startswith('#')]
        assert {re.match(r'\w+', s)[0] for s in samples if 'model="' not in s} == {'llamaswap_build_info'}
        return set(models.findall('\n'.join(samples)))

    models = re.compile(r'model="([^"]*)"')
    few = {'key': 'few', 'name': 'few', 'role': 'operator', 'models': ['b*', 'hub/*']}
    peers = {
        'hub': {'proxy': 'http://127.0.0.1:1', 'models': ['x', 'y']},
        'far': {'proxy': 'http://127.0.0.1:1', 'models': ['z']},
    }
    daemon = lab.daemon({'a': '', 'b': ''}, apiKeys=['all', few], peers=peers)
    for model in ('a', 'b', 'x', 'z', 'nobody'):
        daemon.chat(model, headers={'Authorization': 'Bearer all'})
    until(lambda: 'memory_total' in get('/metrics', 'all').text, patience(10), 'a sample of the machine')
    everything = {'', 'a', 'b', 'far', 'hub', 'other'}
    until(lambda: set(models.findall(get('/metrics', 'all').text)) == everything, patience(2), 'all series')
    assert shown() == shown('?families=own') == {'b', 'hub'}
    served = 'llamaswap_requests_total{model="b",endpoint="/v1/chat/completions",status="200"} 1\n'
    assert served in get('/metrics', 'few').text and served in get('/metrics', 'all').text
    for path in ('/metrics?families=machine', '/api/performance', '/api/metrics/store'):
        assert (get(path, 'few').status, get(path, 'all').status) == (403, 200), path
        assert 'opens all models' in get(path, 'few').message
    if shutil.which('promtool'):
        check_by_promtool(get('/metrics', 'few').body)


def check_by_promtool(text):
    checked = subprocess.run(
        [program('promtool'), 'check', 'metrics'], input=text, capture_output=True, timeout=30
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b'', b'')


def test_promtool(lab):
    program('promtool')
    daemon = lab.daemon({'a': '', 'quo"te': {'cmd': lab.fake('odd')}})
    assert daemon.chat('a').status == 200
    assert daemon.chat('quo"te').status == 200
    assert r'model="quo\"te"' in own(daemon)
    until(lambda: daemon.get('/metrics?families=machine').text, patience(10), 'a sample of the machine')
    for query in ('', '?families=own'):
        check_by_promtool(daemon.get('/metrics' + query).body)


class Prometheus:
    """The real one, with data in the lab's folder, asking each second."""

    def __init__(self, lab, targets):
        self.port = lab.port()
        settings = {
            'global': {'scrape_interval': '1s'},
            'scrape_configs': [{'job_name': 'llama-swap', 'static_configs': [{'targets': targets}]}],
        }
        config = lab.folder / 'prometheus.yml'
        config.write_text(json.dumps(settings))
        lab.start(
            [
                program('prometheus'),
                '--config.file=%s' % config,
                '--storage.tsdb.path=%s' % (lab.folder / 'prometheus'),
                '--web.listen-address=127.0.0.1:%d' % self.port,
                '--log.level=warn',
            ]
        )
        until(self.ready, patience(10), 'Prometheus')

    def ready(self):
        try:
            return web.request(self.port, 'GET', '/-/ready').status == 200
        except OSError:
            return False

    def api(self, path, **query):
        answer = web.request(self.port, 'GET', '/api/v1/%s?%s' % (path, urllib.parse.urlencode(query)))
        assert answer.status == 200 and answer.json['status'] == 'success', answer
        return answer.json['data']

    def query(self, text):
        return self.api('query', query=text)['result']

    def targets(self):
        return self.api('targets')['activeTargets']


def dashboard_queries():
    found = []
    for panel in json.loads(DASHBOARD.read_text())['panels']:
        found += [target['expr'] for target in panel.get('targets', [])]
    return [
        q.replace('$__rate_interval', '1m').replace('$instance', '.*').replace('$model', '.*') for q in found
    ]


@pytest.mark.slow
def test_every_query_of_the_dashboard(lab):
    smi = NvidiaSmi(lab.folder / 'tools')
    daemon = lab.daemon({'a': '', 'b': ''}, env=smi.env)
    prometheus = Prometheus(lab, ['127.0.0.1:%d' % daemon.port])
    for model in ('a', 'b', 'a'):
        assert daemon.chat(model).status == 200
    assert daemon.chat('nobody').status == 404
    smi.set([(lab.pid('a'), 512)])
    queries = dashboard_queries()
    if has_nvml():  # it is asked about processes, and knows nothing of ours
        queries = [q for q in queries if 'model_memory_device' not in q]
    assert len(queries) > 40 and not [q for q in queries if '$' in q]

    def silent():
        return [q for q in queries if not prometheus.query(q)]

    until(lambda: not silent(), patience(20), lambda: 'data for\n' + '\n'.join(silent()), every=0.5)
    (target,) = prometheus.targets()
    assert (target['health'], target['lastError']) == ('up', '')
    (served,) = prometheus.query('sum(llamaswap_requests_total{model="a",status="200"})')
    assert served['value'][1] == '2'
    (ready,) = prometheus.query('llamaswap_model_state{state="ready"} == 1')
    assert ready['metric']['model'] == 'a'
    assert prometheus.query('llamaswap_gpu_temperature_celsius')[0]['value'][1] == '61'
    stays(lambda: prometheus.targets()[0]['health'] == 'up', 2)


def test_the_dashboard_knows_its_instances():
    dashboard = json.loads(DASHBOARD.read_text())
    variables = {v['name']: v for v in dashboard['templating']['list']}
    assert variables['instance']['definition'] == 'label_values(llamaswap_build_info, instance)'
    ids = [panel['id'] for panel in dashboard['panels']]
    assert len(set(ids)) == len(ids)
    for panel in dashboard['panels']:
        for target in panel.get('targets', []):
            assert 'instance=~"$instance"' in target['expr'], panel['title']
