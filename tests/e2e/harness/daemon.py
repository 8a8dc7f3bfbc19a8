"""The program under test, as a process."""

import json
import os
import pathlib
import signal
import subprocess
import time

from . import procs, web, wire
from .waiting import patience, until

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHAT = '/v1/chat/completions'
# How a client sees that its model did not start.
START_FAILED = (500, 503)


def find(variable, *below_build):
    """A program: named by an environment variable, or where the release build leaves it."""
    path = os.environ.get(variable) or str(ROOT.joinpath('build', 'release', *below_build))
    return path if os.access(path, os.X_OK) else None


def daemon_program():
    return find('LLAMA_SWAP_BIN', 'src', 'app', 'llama-swap')


def fake_model_program():
    return find('FAKE_MODEL_BIN', 'tests', 'fake_model', 'fake-model')


class Daemon:
    """Started by Lab.daemon(). `config` is a dictionary; JSON is YAML. `within`: the start of a command that becomes
    the daemon, in other surroundings."""

    def __init__(self, lab, config, arguments=(), env=None, stdout=None, wait=True, program=None, within=()):
        self.lab = lab
        self.port = lab.port()
        self.config_file = lab.folder / ('config-%d.yaml' % self.port)
        self.output_file = lab.folder / ('daemon-%d.log' % self.port)
        self.write(config)
        self.argv = [
            *within,
            program or daemon_program(),
            '-config',
            str(self.config_file),
            '-listen',
            '127.0.0.1:%d' % self.port,
            *arguments,
        ]
        with open(self.output_file, 'ab') as log:
            self.process = subprocess.Popen(
                self.argv,
                cwd=lab.folder,
                env=lab.environment(env),
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
            )
        self.pid = self.process.pid
        if wait:
            self.wait_until_up()

    def write(self, config):
        text = config if isinstance(config, str) else json.dumps(config, indent=1, ensure_ascii=False)
        fresh = self.config_file.with_suffix('.new')
        fresh.write_text(text)
        os.replace(fresh, self.config_file)

    def wait_until_up(self):
        def up():
            assert self.process.poll() is None, 'exit %s: %s' % (self.process.returncode, self.output())
            try:
                return self.get('/health', timeout=5).status == 200
            except OSError:
                return False

        until(up, patience(5), 'the daemon to listen')

    # requests
    def request(self, method, path, body=None, **options):
        return web.request(self.port, method, path, body, **options)

    def get(self, path, **options):
        return self.request('GET', path, **options)

    def post(self, path, body=None, **options):
        return self.request('POST', path, body, **options)

    def open(self, method, path, body=None, **options):
        return self.lab.closing(web.Stream(self.port, method, path, body, **options))

    @staticmethod
    def chat_body(model, stream=False, **more):
        return {'model': model, 'stream': stream, 'messages': [{'role': 'user', 'content': 'hi'}], **more}

    def chat(self, model, fake='', stream=False, headers=None, timeout=60.0, **more):
        """A chat request; `fake` is what the fake model shall do with it."""
        headers = dict(headers or {}, **({'X-Fake': fake} if fake else {}))
        return self.post(CHAT, self.chat_body(model, stream, **more), headers=headers, timeout=timeout)

    def open_chat(self, model, fake='', stream=False, headers=None, timeout=60.0):
        headers = dict(headers or {}, **({'X-Fake': fake} if fake else {}))
        return self.open('POST', CHAT, self.chat_body(model, stream), headers=headers, timeout=timeout)

    def start_chat(self, *arguments, **options):
        """The same in the background; a future."""
        return self.lab.background(self.chat, *arguments, **options)

    def busy_chat(self, model, fake, **options):
        """A chat in the background that the model has received."""
        before = len(self.lab.records(model, 'request'))
        future = self.start_chat(model, fake, **options)
        until(
            lambda: len(self.lab.records(model, 'request')) > before or future.done(),
            patience(5),
            'the request at the model',
        )
        return future

    def served_by(self, model, fake='echo', **options):
        """The echo of a chat that must succeed."""
        answer = self.chat(model, fake, **options)
        assert answer.status == 200 and answer.complete, answer
        assert answer.json['tag'] == model, answer
        return answer.json

    def wire(self, timeout=30.0):
        return self.lab.closing(wire.Wire(self.port, timeout))

    def talk(self, data, timeout=10.0, end=False):
        return wire.talk(self.port, data, timeout, end)

    # state
    def running(self):
        return {m['model']: m['state'] for m in self.get('/running').json['running']}

    def state(self, model):
        return self.running().get(model, 'stopped')

    def wait_for_state(self, model, state, timeout=None):
        until(lambda: self.state(model) == state, timeout, lambda: '%s to be %s: %s' % (model, state, self.running()))

    def unload(self, model=None):
        answer = self.get('/unload') if model is None else self.post('/api/models/unload/' + model)
        assert answer.status == 200 and answer.text == 'OK', answer
        return answer

    def log(self):
        """The proxy's log (what /logs shows with the default logToStdout)."""
        return self.get('/logs').text

    def wait_for_log(self, text, times=1, timeout=None):
        until(
            lambda: self.log().count(text) >= times, timeout, lambda: '%r in the log:\n%s' % (text, self.log()[-2000:])
        )

    def output(self):
        return self.output_file.read_text(errors='replace')

    # life
    def signal(self, number):
        os.kill(self.pid, number)

    def reload(self, config=None, log='configuration reloaded'):
        """SIGHUP, and wait until the log says what became of it."""
        if config is not None:
            self.write(config)
        before = self.log().count(log)
        self.signal(signal.SIGHUP)
        self.wait_for_log(log, before + 1, patience(10))

    def wait_for_exit(self, timeout=None):
        limit = patience(5) if timeout is None else timeout
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError('the daemon still runs after %.1f s: %s' % (limit, self.output()[-2000:]))

    def terminate(self):
        self.signal(signal.SIGTERM)
        return self.wait_for_exit()

    def kill(self):
        """kill -9; the time of it."""
        self.signal(signal.SIGKILL)
        when = time.monotonic()
        self.process.wait()
        return when

    def memory_kib(self):
        return procs.memory_kib(self.pid)

    def descriptors(self):
        return procs.descriptors(self.pid)
