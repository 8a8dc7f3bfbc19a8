"""The programs that are compared: how each is configured, started and stopped."""
import contextlib
import os
import shutil
import signal
import subprocess
import time

import client
import procfs

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DAEMON = os.environ.get('LLAMA_SWAP_BIN', os.path.join(ROOT, 'build/release/src/app/llama-swap'))

NGINX = '''\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_buffer_size 8m;
  client_max_body_size 64m;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  keepalive_requests 100000000;
  upstream origin {{
    server 127.0.0.1:{origin};
    keepalive 2048;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
'''

HAPROXY = '''\
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port} backlog 4096
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}
'''

# The model is a process that only waits; its answers come from the origin, which is there already.
LLAMA_SWAP = '''\
logLevel: info
{settings}models:
  bench:
    cmd: sleep infinity
    proxy: http://127.0.0.1:{origin}
    checkEndpoint: none
    concurrencyLimit: 5000
'''


def _write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, 'w') as f:
        f.write(text)
    return path


def _nginx(directory, port, origin):
    user = 'user root root;\n' if os.geteuid() == 0 else ''
    text = NGINX.format(dir=directory, port=port, origin=origin, user=user)
    config = _write(directory, 'nginx.conf', text)
    return [shutil.which('nginx'), '-p', directory, '-c', config, '-e', directory + '/nginx.log']


def _haproxy(directory, port, origin):
    config = _write(directory, 'haproxy.cfg', HAPROXY.format(port=port, origin=origin))
    return [shutil.which('haproxy'), '-db', '-f', config]


def _llama_swap(settings):
    def command(directory, port, origin):
        text = LLAMA_SWAP.format(origin=origin, settings=settings)
        config = _write(directory, 'llama-swap.yaml', text)
        return [DAEMON, '--config', config, '--listen', '127.0.0.1:%d' % port]
    return command


COMMANDS = {
    'nginx': _nginx,
    'haproxy': _haproxy,
    'llama-swap': _llama_swap(''),
    'llama-swap-nocapture': _llama_swap('captures: {enabled: false}\n'),
    'llama-swap-norecord': _llama_swap('activity: {enabled: false}\n'),
}
DEFAULT = ('nginx', 'haproxy', 'llama-swap')


def installed(name):
    if name.startswith('llama-swap'):
        return os.access(DAEMON, os.X_OK)
    return shutil.which(name) is not None


def version(name):
    """The first line of what the program says of itself."""
    command = [DAEMON, '--version'] if name.startswith('llama-swap') else [name, '-v']
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().split('\n')[0]


@contextlib.contextmanager
def on_cores(cores):
    """What is started inside runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Running:
    """A started program on a free port. Its log goes nowhere: writing it is not compared."""

    def __init__(self, command, cores):
        """command: port -> list of arguments."""
        self.port = client.free_port()
        arguments = command(self.port)
        with on_cores(cores):
            self.started = time.time()
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL)

    def pids(self):
        """All processes of the program, without the model (a `sleep`)."""
        return procfs.tree(self.process.pid, without=('sleep',))

    def stop(self):
        """Returns when nothing of it is left. RuntimeError if it left something (then killed)."""
        members = [(pid, procfs.start_time(pid)) for pid in procfs.tree(self.process.pid)]
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        left = [pid for pid, born in members if born and _outlives(pid, born)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left:
            raise RuntimeError('%s left processes behind: %s' % (self.process.args[0], left))


def _outlives(pid, born, grace=1.0):
    end = time.time() + grace
    while procfs.start_time(pid) == born:
        if time.time() > end:
            return True
        time.sleep(0.005)
    return False


@contextlib.contextmanager
def running(command, cores):
    program = Running(command, cores)
    try:
        yield program
    finally:
        program.stop()
