"""All that one test starts: its folder, its ports, its processes. close() leaves nothing behind."""

import concurrent.futures
import json
import os
import shlex
import signal
import subprocess
import time
import uuid

from . import procs, wire
from .daemon import Daemon, fake_model_program
from .origin import Origin
from .ports import PortBlock
from .waiting import patience, until


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.blocks = []
        self.unused = []
        self.daemons = []
        self.others = []
        self.closers = []
        self.threads = concurrent.futures.ThreadPoolExecutor(64)

    # ports
    def ports(self):
        """The first of a block of ports in a row that nobody else uses."""
        self.blocks.append(PortBlock())
        return self.blocks[-1].first

    def port(self):
        if not self.unused:
            first = self.ports()
            self.unused = list(range(first, first + 20))
        return self.unused.pop()

    # programs
    def environment(self, more=None):
        return dict(os.environ, **{procs.MARK: self.mark}, **(more or {}))

    def fake(self, tag, flags='', port='${PORT}'):
        """The command of a fake model that records under its tag."""
        return '%s --port %s --tag %s --record %s --tokens 4 --tps 0 %s' % (
            shlex.quote(fake_model_program()),
            port,
            tag,
            shlex.quote(str(self.record_file(tag))),
            flags,
        )

    def config(self, models, **settings):
        """A configuration. A model is its fake's flags, or a dictionary of settings with optional `flags`."""
        config = {'startPort': self.ports(), 'healthCheckTimeout': 15, 'unloadTimeout': 3, 'logLevel': 'debug'}
        config.update(settings)
        config['models'] = {}
        for name, settings_of_model in models.items():
            model = {'flags': settings_of_model} if isinstance(settings_of_model, str) else dict(settings_of_model)
            flags = model.pop('flags', '')
            model.setdefault('cmd', self.fake(name, flags))
            config['models'][name] = model
        return config

    def daemon(self, models=None, config=None, arguments=(), env=None, stdout=None, wait=True, within=(), **settings):
        if config is None:
            config = self.config(models or {}, **settings)
        daemon = Daemon(self, config, arguments, env, stdout, wait, within=within)
        self.daemons.append(daemon)
        return daemon

    def start(self, command, env=None, wait_for_port=None, **options):
        """A process beside the daemon: a list, or a string that is split like a command line."""
        argv = shlex.split(command) if isinstance(command, str) else command
        options.setdefault('stdout', subprocess.DEVNULL)
        options.setdefault('stderr', subprocess.DEVNULL)
        process = subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )
        self.others.append(process)
        if wait_for_port:
            until(lambda: not wire.refused(wait_for_port), patience(5), 'port %d' % wait_for_port)
        return process

    def start_fake(self, tag, flags=''):
        """A fake model that the daemon has not started; its port is `.port`."""
        port = self.port()
        process = self.start(self.fake(tag, flags, port), wait_for_port=port)
        process.port = port
        return process

    def origin(self):
        """A server whose every byte the test decides."""
        return self.closing(Origin())

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    # what fakes recorded
    def record_file(self, tag):
        return self.folder / (tag.replace('/', '_') + '.record')

    def records(self, tag, event=None):
        try:
            lines = self.record_file(tag).read_text().splitlines()
        except OSError:
            return []
        found = [json.loads(line) for line in lines if line.endswith('}')]
        return [r for r in found if event is None or r['ev'] == event]

    def starts(self, tag):
        return len(self.records(tag, 'start'))

    def pid(self, tag):
        """Of the newest process of that fake."""
        return self.records(tag, 'start')[-1]['pid']

    # processes
    def alive(self):
        """All living processes of this lab but the daemons and what start() started."""
        known = [d.process for d in self.daemons] + self.others
        known = {p.pid for p in known if p.poll() is None}
        return [p for p in procs.marked(self.mark) + procs.shims(self.folder) if p not in known]

    def nobody_left(self):
        """No process of a model, now. Their shims, which have said so, may take a moment to end, and so may what a
        daemon is about to start: a tool that watches GPUs, say."""
        daemons = {d.process.pid for d in self.daemons}
        known = daemons | {o.pid for o in self.others}
        left = [p for p in procs.marked(self.mark) if p not in known and not procs.begins(p, daemons)]
        assert not left, procs.describe(left)
        self.wait_for_nobody(patience(1), 'shims')
        return True

    def wait_for_nobody(self, timeout=None, what='models'):
        until(lambda: not self.alive(), timeout, lambda: 'all %s to end: %s' % (what, procs.describe(self.alive())))

    # others
    def background(self, function, *arguments, **options):
        return self.threads.submit(function, *arguments, **options)

    def closing(self, thing):
        self.closers.append(thing)
        return thing

    def close(self):
        for thing in self.closers:
            thing.close()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            left = procs.marked(self.mark)
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        for process in [d.process for d in self.daemons] + self.others:
            process.wait(5)
        self.threads.shutdown(wait=False, cancel_futures=True)
        for block in self.blocks:
            block.release()
