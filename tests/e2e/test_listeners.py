"""The doors: the flag, `listen`, `upstreamListen`, unix sockets, sockets opened by systemd."""

import http.client
import json
import os
import pathlib
import socket
import stat
import subprocess
import sys

import pytest

from harness import web
from harness.daemon import daemon_program
from harness.waiting import patience, until


def descriptors(pid):
    return {os.readlink(str(entry)) for entry in pathlib.Path('/proc/%d/fd' % pid).iterdir()}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def get(door, path='/health'):
    """Through a port, or through a socket file."""
    connection = UnixConnection(door) if not isinstance(door, int) else http.client.HTTPConnection('127.0.0.1', door, timeout=10)
    connection.request('GET', path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def opened(door):
    try:
        return get(door) == (200, 'OK')
    except OSError:
        return False


def test_beside_the_flag(lab):
    second, path = lab.port(), lab.folder / 'swap.sock'
    daemon = lab.daemon({'a': ''}, listen=['127.0.0.1:%d' % second, 'unix:%s' % path])
    for door in (daemon.port, second, path):
        assert get(door) == (200, 'OK')
        assert get(door, '/props?model=a')[0] == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    daemon.wait_for_log('llama-swap listening on http://127.0.0.1:%d\n' % second)
    daemon.wait_for_log('llama-swap listening on unix:%s\n' % path)
    assert 'Request  "GET /health HTTP/1.1" 200' in daemon.log()  # a unix socket has no address
    daemon.terminate()
    assert not path.exists()


def test_without_the_flag_only_what_is_configured(lab):
    port = lab.port()
    config = lab.config({}, listen=['127.0.0.1:%d' % port])
    file = lab.folder / 'c.yaml'
    file.write_text(json.dumps(config))
    process = lab.start([daemon_program(), '-config', str(file)])
    until(lambda: opened(port), patience(5))
    lines = [line.split() for table in ('tcp', 'tcp6') for line in open('/proc/net/' + table)]
    listening = {'socket:[%s]' % fields[9] for fields in lines if fields[3] == '0A'}
    assert len(descriptors(process.pid) & listening) == 1


def test_doors_follow_the_configuration(lab):
    second, third = lab.port(), lab.port()
    config = lab.config({'a': ''}, listen=['127.0.0.1:%d' % second])
    daemon = lab.daemon(config=config)
    streaming = web.Stream(second, 'GET', '/logs/stream')
    streaming.head()
    config['listen'] = ['127.0.0.1:%d' % third]
    daemon.reload(config)
    until(lambda: opened(third), patience(5))
    assert not opened(second) and opened(daemon.port)
    daemon.wait_for_log('no longer listening on 127.0.0.1:%d' % second)
    streaming.read_until('no longer listening')  # who is inside stays
    streaming.close()


def test_doors_change_places(lab):
    first, second = ['127.0.0.1:%d' % lab.port() for _ in range(2)]
    config = lab.config({'a': ''}, listen=[first], upstreamListen=[second])
    daemon = lab.daemon(config=config)
    daemon.reload(dict(config, listen=[second], upstreamListen=[first]))
    assert get(int(second.split(':')[1]), '/v1/models')[0] == 200
    assert get(int(first.split(':')[1]), '/v1/models')[0] == 404
    assert 'http server error' not in daemon.log()


def test_no_door_closes_before_the_next_is_open(lab):
    old, other = lab.port(), lab.start_fake('other')
    config = lab.config({'a': ''}, listen=['127.0.0.1:%d' % old])
    daemon = lab.daemon(config=config)
    daemon.reload(dict(config, listen=['127.0.0.1:%d' % other.port]))
    daemon.wait_for_log('http server error: listen 127.0.0.1:%d' % other.port)
    assert opened(old) and 'still listening on 127.0.0.1:%d' % old in daemon.log()
    other.terminate()
    until(lambda: opened(other.port), patience(10), 'the port to be taken once it is free')
    until(lambda: not opened(old), patience(5))
    assert daemon.log().count('http server error') == 1


def test_a_door_that_cannot_be_opened(lab):
    taken = lab.start_fake('other').port
    config = lab.config({'a': ''}, listen=['127.0.0.1:%d' % taken])
    (lab.folder / 'c.yaml').write_text(json.dumps(config))
    done = subprocess.run(
        [daemon_program(), '-config', 'c.yaml'], cwd=lab.folder, env=lab.environment(), capture_output=True, text=True
    )
    assert done.returncode == 1 and 'http server error' in done.stderr and str(taken) in done.stderr
    daemon = lab.daemon({'a': ''})
    daemon.reload(config)  # what was open stays open
    daemon.wait_for_log('http server error: listen 127.0.0.1:%d' % taken)
    assert daemon.served_by('a')


@pytest.mark.parametrize(
    'address, problem',
    [
        ('8080', 'missing port in address'),
        ('host:http', 'invalid port'),
        ('unix:relative', 'the path must begin with /'),
        ('::1:80', 'an IPv6 address needs brackets'),
    ],
)
def test_addresses_that_are_none(lab, address, problem):
    (lab.folder / 'c.yaml').write_text('listen:\n  - "%s"\n' % address)
    done = subprocess.run(
        [daemon_program(), 'check', '-config', 'c.yaml'],
        cwd=lab.folder,
        env=lab.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and 'c.yaml:2:5' in done.stdout + done.stderr and problem in done.stdout + done.stderr


def test_a_socket_file_left_behind_is_replaced(lab):
    path = lab.folder / 'swap.sock'
    daemon = lab.daemon({}, listen=['unix:%s' % path])
    daemon.kill()
    assert path.exists()
    again = lab.daemon({}, listen=['unix:%s' % path])
    assert get(path) == (200, 'OK')
    # One that is in use is not.
    (lab.folder / 'c.yaml').write_text('listen: ["unix:%s"]' % path)
    done = subprocess.run(
        [daemon_program(), '-config', 'c.yaml'], cwd=lab.folder, env=lab.environment(), capture_output=True, text=True
    )
    assert done.returncode == 1 and 'http server error' in done.stderr
    assert get(path) == (200, 'OK') and again.process.poll() is None


def test_a_door_to_the_content_of_model_servers_only(lab):
    door = lab.port()
    daemon = lab.daemon({'a': '', 'comfyui_auto': ''}, upstreamListen=['127.0.0.1:%d' % door])
    assert get(door) == (200, 'OK')
    assert get(door, '/upstream/a/props')[0] == 200
    assert get(door, '/comfyui/')[0] == 200
    for path in ('/', '/running', '/unload', '/v1/models', '/logs', '/ui/', '/api/version', '/upstream', '/metrics'):
        assert get(door, path) == (404, '404 page not found\n'), path
    assert daemon.running() != {}


AS_SYSTEMD = """
import os, sys
sockets = [os.dup(int(fd)) for fd in sys.argv[1:3]]
for number, fd in enumerate(sockets):
    os.dup2(fd, 3 + number)
    os.set_inheritable(3 + number, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2', LISTEN_FDNAMES='http:upstream')
os.execv(sys.argv[3], sys.argv[3:])
"""


def test_sockets_opened_by_systemd(lab):
    one, two = socket.create_server(('127.0.0.1', 0)), socket.create_server(('127.0.0.1', 0))
    config = lab.config({'a': ''})
    (lab.folder / 'c.yaml').write_text(json.dumps(config))
    process = lab.start(
        [sys.executable, '-c', AS_SYSTEMD, str(one.fileno()), str(two.fileno()), daemon_program(), '-config', 'c.yaml'],
        pass_fds=(one.fileno(), two.fileno()),
    )
    main, upstreams = one.getsockname()[1], two.getsockname()[1]
    until(lambda: opened(main), patience(5))
    assert get(main, '/upstream/a/props')[0] == 200 and get(upstreams, '/upstream/a/props')[0] == 200
    assert get(upstreams, '/running')[0] == 404
    environment = open('/proc/%d/environ' % lab.pid('a')).read()
    assert 'LISTEN_' not in environment
    ours = {os.readlink('/proc/self/fd/%d' % s.fileno()) for s in (one, two)}
    assert not ours & descriptors(lab.pid('a'))
    process.terminate()
    process.wait(patience(10))
