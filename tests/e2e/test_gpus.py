"""GPUs, through tools that only seem to be there: in the history, for Prometheus, in the hardware."""

import json
import os
import re
import socket
import threading

import pytest

from harness import procs
from harness.waiting import patience, until

LOOP = """#!/bin/sh
echo $$ >> "$0.pids"
case "$*" in
*--loop*) while :; do printf '%s'; sleep 1; done;;
*index,name*) echo '0, Card A, GPU-a, 00000000:C1:00.0, 24576, 550.1, 350.00';
              echo '1, Card B, GPU-b, 00000000:C2:00.0, [N/A], 550.1, [N/A]';;
*compute_cap*) printf '0, 8.9\\n1, 12.1\\n';;
*) exit 2;;
esac
"""
TWO = '0, Card A, GPU-a, 61, 33, 1024, 24576, 45, 123.75\\n1, Card B, GPU-b, 40, [N/A], [N/A], [N/A], [N/A], 4.5\\n'


@pytest.fixture
def tools_in_path(lab):
    """A folder for scripts, and the environment that finds them first."""
    folder = lab.folder / 'tools'
    folder.mkdir()
    return folder, {'PATH': '%s:%s' % (folder, os.environ['PATH'])}


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)


def gpus(daemon):
    return daemon.get('/api/performance').json['gpu_stats']


def wait_for_gpus(daemon, count):
    return until(lambda: len(gpus(daemon)) >= count and gpus(daemon), patience(10), 'samples of GPUs')


def pids(folder):
    return [int(line) for line in (folder / 'nvidia-smi.pids').read_text().split()]


def test_nvidia_smi(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', LOOP % TWO)
    daemon = lab.daemon({}, env=env)
    first, second, third = wait_for_gpus(daemon, 3)[:3]
    timestamp = first.pop('timestamp')
    assert first == {
        'id': 0, 'name': 'Card A', 'uuid': 'GPU-a', 'temp_c': 61, 'vram_temp_c': 0, 'gpu_util_pct': 33,
        'mem_util_pct': pytest.approx(100 * 1024 / 24576), 'mem_used_mb': 1024, 'mem_total_mb': 24576,
        'fan_speed_pct': 45, 'power_draw_w': 123.75}
    assert (second['id'], second['mem_total_mb'], second['power_draw_w'], third['id']) == (1, 0, 4.5, 0)
    assert third['timestamp'] > timestamp
    daemon.wait_for_log('using nvidia-smi for GPU monitoring')
    metrics = daemon.get('/metrics').text
    assert 'llamaswap_gpu_power_draw_watts{id="0",name="Card A",uuid="GPU-a"} 123.75\n' in metrics
    assert 'llamaswap_gpu_memory_total_bytes{id="0",name="Card A",uuid="GPU-a"} %d\n' % (24576 << 20) in metrics
    assert re.findall(r'llamaswap_gpu_temperature_celsius\{id="(\d)"', metrics) == ['0', '1']
    assert daemon.terminate() == 0
    assert not [pid for pid in pids(folder) if procs.alive(pid)]


def test_a_dead_tool_comes_back(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', LOOP % TWO)
    daemon = lab.daemon({}, env=env)
    count = len(wait_for_gpus(daemon, 2))
    wait_for_hardware(daemon)
    looping = [pid for pid in pids(folder) if procs.alive(pid)]
    assert len(looping) == 1
    os.kill(looping[0], 9)
    daemon.wait_for_log('GPU monitoring: nvidia-smi ended')
    until(lambda: len([pid for pid in pids(folder) if procs.alive(pid)]) == 1, patience(5), 'another nvidia-smi')
    wait_for_gpus(daemon, count + 2)
    assert daemon.get('/health').status == 200


def test_rocm_smi(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', '#!/bin/sh\nexit 9\n')
    script(folder / 'rocm-smi', '#!/bin/sh\nprintf \'device,Card Series,PCI Bus,GPU use (%%)\\ncard1,RX,0000:03:00.0,7\\n\'\n')
    daemon = lab.daemon({}, env=env)
    sample = wait_for_gpus(daemon, 1)[0]
    assert (sample['id'], sample['name'], sample['gpu_util_pct']) == (1, 'RX card1', 7)
    daemon.wait_for_log('using rocm-smi for GPU monitoring')
    card = [a for a in wait_for_hardware(daemon)['accelerators'] if a['model'] == 'RX'][0]
    assert card['driver'] == {'name': 'amdgpu', 'version': None} and card['vendor'] == 'AMD'


def test_lact(lab):
    place = str(lab.folder / 'lact.sock')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, client.makefile('rw') as lines:
                for line in lines:
                    request = json.loads(line)
                    data = [{'id': 'x', 'name': 'LACT card'}]
                    if request['command'] == 'device_stats':
                        data = {'vram': {'total': 2 << 20, 'used': 1 << 20}, 'temps': {'edge': {'current': 50}}}
                    lines.write(json.dumps({'status': 'ok', 'data': data}) + '\n')
                    lines.flush()

    threading.Thread(target=serve, daemon=True).start()
    daemon = lab.daemon({}, env={'LACT_DAEMON_SOCKET_PATH': place})
    sample = wait_for_gpus(daemon, 1)[0]
    assert (sample['name'], sample['uuid'], sample['mem_util_pct'], sample['temp_c']) == ('LACT card', 'x', 50, 50)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_no_process_while_disabled(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', LOOP % TWO)
    config = lab.config({})
    daemon = lab.daemon(config=config, env=env)
    wait_for_gpus(daemon, 1)
    wait_for_hardware(daemon)
    config['performance'] = {'disabled': True}
    daemon.reload(config)
    until(lambda: not [pid for pid in pids(folder) if procs.alive(pid)], patience(5), 'nvidia-smi to end')
    assert gpus(daemon) == []


def wait_for_hardware(daemon):
    return until(lambda: (a := daemon.get('/api/hardware')).status == 200 and a.json, patience(12), 'the hardware')


def test_hardware(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', LOOP % TWO)
    daemon = lab.daemon({}, env=env)
    hardware = wait_for_hardware(daemon)
    assert hardware['schema_version'] == 1 and hardware['operating_system']['kernel'] == os.uname().release
    assert hardware['cpu']['logical_thread_count'] == len(re.findall(r'^processor', open('/proc/cpuinfo').read(), re.M))
    assert hardware['memory']['capacity_bytes'] > 0
    assert [a['index'] for a in hardware['accelerators']] == list(range(len(hardware['accelerators'])))
    card_a, card_b = [a for a in hardware['accelerators'] if a['vendor'] == 'NVIDIA'][:2]
    assert card_a == {
        'index': card_a['index'], 'kind': 'gpu', 'vendor': 'NVIDIA', 'model': 'Card A', 'architecture': 'Ada Lovelace',
        'memory': {'kind': 'dedicated', 'capacity_bytes': 24576 << 20},
        'driver': {'name': 'NVIDIA', 'version': '550.1'}, 'power_limit_watts': 350}
    assert card_b['memory'] == {'kind': 'unified', 'capacity_bytes': hardware['memory']['capacity_bytes']}
    assert (card_b['architecture'], card_b['power_limit_watts']) == ('Blackwell', None)


def test_hardware_does_not_delay_anything(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', '#!/bin/sh\nuntil [ -e "$0.go" ]; do sleep 0.05; done\n')
    daemon = lab.daemon({'a': ''}, performance={'disabled': True}, env=env)
    answer = daemon.get('/api/hardware')
    assert (answer.status, answer.message) == (503, 'hardware detection unavailable')
    daemon.served_by('a')
    (folder / 'nvidia-smi.go').touch()
    assert wait_for_hardware(daemon)['schema_version'] == 1


def test_ends_while_tools_hang(lab, tools_in_path):
    folder, env = tools_in_path
    script(folder / 'nvidia-smi', '#!/bin/sh\necho $$ >> "$0.pids"\nexec sleep 1000\n')
    daemon = lab.daemon({}, env=env)
    until(lambda: (folder / 'nvidia-smi.pids').exists() and len(pids(folder)) == 2, patience(5), 'both to be asked')
    assert daemon.terminate() == 0
    until(lambda: not [pid for pid in pids(folder) if procs.alive(pid)], patience(2), 'the tools to end')
