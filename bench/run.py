#!/usr/bin/env python3
"""Compares llama-swap with nginx and haproxy: CPU, latency, memory, start.

Rounds go over all cases, and in each case over all proxies in random order, each started afresh:
what is compared was measured within seconds. README.md says how to read the tables. Exit status 1
if an answer or an event was wrong or missing.
"""
import argparse
import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import client
import procfs
import proxies
import report

ROOT = proxies.ROOT
BASE = 'nginx'
MODEL = 'bench'
EVENT_BYTES = 200


@dataclasses.dataclass(frozen=True)
class Requests:
    """A closed loop of requests with a body of so many bytes, answered with 1 KiB."""
    title: str
    goal: str
    connections: int
    body: int
    milliseconds: int

    unit = 'request'

    def measure(self, bench, port, proxy):
        load = [bench.program('load'), '--port', port, '--connections', self.connections,
                '--body', self.body]
        # A warm-up, so that the proxy's pools and buffers exist.
        bench.call(load + ['--milliseconds', bench.short(150)])
        usage = Usage(proxy)
        done = bench.call(load + ['--milliseconds', bench.short(self.milliseconds)])
        return {**done, **usage.per(done['requests']), 'wrong': done['errors']}


@dataclasses.dataclass(frozen=True)
class Streams:
    """So many event streams at a time; the CPU includes their beginning and end."""
    title: str
    goal: str
    streams: int
    rate: int
    milliseconds: int
    ramp_ms: int

    unit = 'event'

    def measure(self, bench, port, proxy):
        length = bench.short(self.milliseconds)
        ramp = bench.short(self.ramp_ms)
        load = [bench.program('sseload'), '--port', port, '--streams', self.streams,
                '--rate', self.rate, '--size', EVENT_BYTES, '--events', self.rate * length // 1000,
                '--ramp-ms', ramp]
        usage = Usage(proxy)
        # Memory is read when all streams are open and none has ended: the last opens after `ramp`,
        # the first ends after `length`.
        done = bench.call(load, meanwhile=lambda: usage.memory(after=(ramp + length) / 2000))
        return {**done, **usage.per(done['events']), 'wrong': done['lost'] + done['broken']}


@dataclasses.dataclass(frozen=True)
class Start:
    """From exec to the first answer, and the memory used after it."""
    title: str
    goal: str

    def measure(self, bench, port, proxy):
        if proxy is None:
            return None
        usage = Usage(proxy)
        usage.memory(after=0.2)
        return {'start_ms': proxy.first_ms, 'pss_mb': usage.pss_mb, 'wrong': 0}


CASES = {
    'start': Start('Start and idle memory', '10 ms (15 ms with captures), 6 MB'),
    'small64': Requests('0.5 KiB requests, 64 connections', '0.85 (1.3)', 64, 512, 1200),
    'small1': Requests('0.5 KiB requests, 1 connection', '1.0 (1.3)', 1, 512, 1000),
    '64k': Requests('64 KiB requests, 32 connections', '1.0 (1.2)', 32, 64 << 10, 1200),
    '4m': Requests('4 MiB requests, 4 connections', '0.95 (1.2)', 4, 4 << 20, 1200),
    'sse1000': Streams('1,000 streams, 20 events/s each', '0.9 (1.1), 16 MB', 1000, 20, 2000, 500),
    'sse100': Streams('100 streams, 100 events/s each', '0.9 (1.1)', 100, 100, 1500, 200),
}


class Usage:
    """What a proxy's processes use from now on."""

    def __init__(self, proxy):
        self.pids = proxy.pids() if proxy else []
        self.cpu = procfs.cpu_ns(self.pids)
        self.ticks = procfs.user_and_system(self.pids)
        self.pss_mb = None

    def memory(self, after):
        time.sleep(after)
        self.pss_mb = procfs.pss_mb(self.pids) if self.pids else None

    def per(self, count):
        if not self.pids or not count:
            return {}
        time.sleep(0.05)  # the closing of the load's connections belongs to it
        cpu_us = (procfs.cpu_ns(self.pids) - self.cpu) / 1000
        ticks = procfs.user_and_system(self.pids)
        user, system = ticks[0] - self.ticks[0], ticks[1] - self.ticks[1]
        share = 100 * user / (user + system) if user + system else None
        return {'cpu_us': cpu_us / count, 'user_percent': share, 'pss_mb': self.pss_mb}


class Bench:
    def __init__(self, options, directory):
        cores = sorted(os.sched_getaffinity(0))
        if options.cores > len(cores):
            sys.exit('two cores are wanted, one is allowed')
        self.load_cores = {cores[-1]}
        self.proxy_cores = {cores[-options.cores]}
        os.sched_setaffinity(0, self.load_cores)
        self.options, self.directory = options, directory
        # {case: {proxy: {round: what was measured}}}
        self.results = {case: {} for case in options.case}

    def program(self, name):
        return os.path.join(self.options.programs, name)

    def short(self, milliseconds):
        return milliseconds // 5 if self.options.quick else milliseconds

    def call(self, command, meanwhile=lambda: None):
        """Runs a load program and returns what it says."""
        command = [str(word) for word in command]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            meanwhile()
            return json.loads(process.communicate(timeout=60)[0])

    def run(self):
        origin = lambda port: [self.program('origin'), '--port', str(port)]
        with proxies.running(origin, self.load_cores) as upstream:
            client.retry(upstream.port, lambda: client.chat(upstream.port, MODEL))
            for number in range(self.options.rounds):
                for case in self.options.case:
                    if number == 0:
                        direct = CASES[case].measure(self, upstream.port, None)
                        self.keep(case, 'direct', 0, direct)
                    for name in random.sample(self.options.only, len(self.options.only)):
                        self.keep(case, name, number, self.measure(case, name, upstream.port))
                print('round %d of %d' % (number + 1, self.options.rounds), file=sys.stderr)

    def measure(self, case, name, origin_port):
        command = lambda port: proxies.COMMANDS[name](self.directory, port, origin_port)
        with proxies.running(command, self.proxy_cores) as proxy:
            answer = client.first_answer(proxy.port, MODEL)
            proxy.first_ms = (answer.first - proxy.started) * 1000
            return CASES[case].measure(self, proxy.port, proxy)

    def keep(self, case, name, number, result):
        if result is None:
            return
        self.results[case].setdefault(name, {})[number] = result
        if result['wrong']:
            print('%s, %s: %d wrong: %s' % (case, name, result['wrong'], result), file=sys.stderr)

    def wrong(self):
        return sum(result['wrong'] for case in self.results.values()
                   for rounds in case.values() for result in rounds.values())


class Table:
    """One case over all its proxies."""

    def __init__(self, case, results):
        self.case, self.results = case, results

    def column(self, proxy, key):
        return {n: r[key] for n, r in self.results[proxy].items() if r.get(key) is not None}

    def spread(self, proxy, key):
        return report.spread(list(self.column(proxy, key).values()))

    def median(self, proxy, key):
        return report.number(report.median(list(self.column(proxy, key).values())))

    def ratio(self, proxy, key):
        base = self.column(BASE, key) if BASE in self.results else {}
        return report.ratio(self.column(proxy, key), base)

    def user_part(self, proxy):
        percent = report.median(list(self.column(proxy, 'user_percent').values()))
        return '-' if percent is None else '%.0f%%' % percent

    def markdown(self):
        order = ['direct', *proxies.COMMANDS]
        rows = [self.row(proxy) for proxy in order if proxy in self.results]
        goal = 'Goal of llama-swap without captures (with): %s.\n\n' % self.case.goal
        return '### %s\n\n' % self.case.title + goal + report.table(self.titles(), rows)

    def titles(self):
        if isinstance(self.case, Start):
            return ['proxy', 'exec to first answer, ms (min-max)', 'ratio',
                    'PSS idle, MB (min-max)', 'ratio']
        titles = ['proxy', 'CPU us/%s (min-max)' % self.case.unit, 'ratio', 'user part',
                  self.case.unit + 's/s', 'p50 us', 'p90 us', 'p99 us', 'wrong']
        return titles + (['PSS MB'] if isinstance(self.case, Streams) else [])

    def row(self, p):
        if isinstance(self.case, Start):
            return [p, self.spread(p, 'start_ms'), self.ratio(p, 'start_ms'),
                    self.spread(p, 'pss_mb'), self.ratio(p, 'pss_mb')]
        row = [p, self.spread(p, 'cpu_us'), self.ratio(p, 'cpu_us'), self.user_part(p)]
        row += [self.median(p, key) for key in ('per_second', 'p50_us', 'p90_us', 'p99_us')]
        row.append(str(sum(self.column(p, 'wrong').values())))
        return row + ([self.median(p, 'pss_mb')] if isinstance(self.case, Streams) else [])


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def some_of(allowed):
        def split(text):
            names = text.split(',')
            for name in set(names) - set(allowed):
                parser.error('%s is none of %s' % (name, ', '.join(allowed)))
            return names
        return split

    parser.add_argument('--case', type=some_of(CASES), default=list(CASES),
                        help='some of ' + ','.join(CASES))
    parser.add_argument('--only', type=some_of(proxies.COMMANDS),
                        default=[n for n in proxies.DEFAULT if proxies.installed(n)],
                        help='some of %s; default: the first three, as far as installed' %
                        ','.join(proxies.COMMANDS))
    parser.add_argument('--rounds', type=int, help='default 7')
    parser.add_argument('--cores', type=int, choices=(1, 2), default=1,
                        help='1: everything on one core; 2: the proxy on one of its own')
    parser.add_argument('--quick', action='store_true',
                        help='one short round: does everything work?')
    parser.add_argument('--out', help='a file for the tables')
    parser.add_argument('--programs', default=os.path.join(ROOT, 'build/release/bench'),
                        help='where origin, load and sseload are')
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 7)
    missing = [name for name in options.only if not proxies.installed(name)]
    if missing or not options.only:
        parser.error('not installed: ' + (', '.join(missing) or ', '.join(proxies.DEFAULT)))
    return options


def main():
    options = parse()
    began = time.time()
    versions = ['%s: %s' % (name, proxies.version(name)) for name in options.only]
    text = '## Against nginx\n\n' + report.machine(ROOT, versions)
    directory = tempfile.mkdtemp(prefix='llama-swap-bench-')
    try:
        bench = Bench(options, directory)
        bench.run()
    finally:
        shutil.rmtree(directory)
    place = {1: 'everything on one core', 2: 'the proxy on one core, origin and load on another'}
    text += '- rounds: %d, in %d s; %s\n\n' % (
        options.rounds, time.time() - began, place[options.cores])
    text += '\n'.join(Table(CASES[c], bench.results[c]).markdown() for c in options.case)
    print(text)
    if options.out:
        with open(options.out, 'w') as f:
            f.write(text)
    return 1 if bench.wrong() else 0


if __name__ == '__main__':
    sys.exit(main())
