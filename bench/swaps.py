#!/usr/bin/env python3
"""How much longer a swap takes than the model servers need themselves. See README.md."""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time

import client
import proxies
import report

ROOT = proxies.ROOT
SLOW_LOAD_S = 0.25

# a and b are ready as soon as they listen; c and d some time later, as real servers are.
MODELS = {'a': 0, 'b': 0, 'c': SLOW_LOAD_S, 'd': SLOW_LOAD_S}


def configuration(fake_model, record):
    text = 'logLevel: info\nmodels:\n'
    for tag, load in MODELS.items():
        text += '  %s:\n    cmd: %s -port ${PORT} -tag %s' % (tag, fake_model, tag)
        text += ' -load %dms -tokens 1 -tps 0 -record %s\n' % (load * 1000, record)
    return text


class Record:
    """What the fake models wrote down about themselves."""

    def __init__(self, path):
        self.path = path

    def last(self, tag, event):
        """Unix time of the model's last such event."""
        with open(self.path) as f:
            events = [json.loads(line) for line in f]
        return [e['t'] for e in events if e['tag'] == tag and e['ev'] == event][-1]


def request(port, model):
    answer = client.first_answer(port, model)
    if answer.body == b'':
        raise RuntimeError('an empty answer of ' + model)
    return answer


def swaps(port, record, count):
    """Each swap in ms: the wait of the client, the servers' own stop and start, and the rest."""
    results = []
    request(port, 'a')
    for i in range(count):
        old, new = ('a', 'b') if i % 2 == 0 else ('b', 'a')
        answer = request(port, new)
        wait = answer.first - answer.sent
        stop = record.last(old, 'exit') - record.last(old, 'term')
        start = record.last(new, 'listen') - record.last(new, 'start')
        results.append([1000 * ms for ms in (wait, stop, start, wait - stop - start)])
    return results


def waits_after_ready(port, record, count):
    """From when a health check would succeed to the first byte of the waiting client, in ms."""
    results = []
    for i in range(count):
        tag = 'cd'[i % 2]
        answer = request(port, tag)
        results.append(1000 * (answer.first - record.last(tag, 'start') - SLOW_LOAD_S))
    return results


def measure(options, directory):
    record = Record(os.path.join(directory, 'record'))
    config = os.path.join(directory, 'swaps.yaml')
    with open(config, 'w') as f:
        f.write(configuration(options.fake_model, record.path))
    command = lambda port: [proxies.DAEMON, '--config', config, '--listen', '127.0.0.1:%d' % port]
    with proxies.running(command, os.sched_getaffinity(0)) as daemon:
        swapped = swaps(daemon.port, record, options.count)
        ready = waits_after_ready(daemon.port, record, options.count)
    wait, stop, start, added = zip(*swapped)
    return [('swap: request to first byte', wait),
            ('of it: the stop of the old server, by its own record', stop),
            ('of it: the start of the new server, by its own record', start),
            ('**of it: llama-swap**', added),
            ('**server ready to first byte of the waiting client** (goal: 10)', ready)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=20, help='swaps')
    parser.add_argument('--fake-model', help='the model server of the tests',
                        default=os.path.join(ROOT, 'build/release/tests/fake_model/fake-model'))
    options = parser.parse_args()
    for program in (proxies.DAEMON, options.fake_model):
        if not os.access(program, os.X_OK):
            parser.error('no program ' + program)
    text = '## Swaps\n\n' + report.machine(ROOT, ['llama-swap: ' + proxies.version('llama-swap')])
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    directory = tempfile.mkdtemp(prefix='llama-swap-bench-')
    began = time.time()
    try:
        rows = measure(options, directory)
    finally:
        shutil.rmtree(directory)
    text += '- %d times each in %d s; everything on one core\n\n' % (
        options.count, time.time() - began)
    text += report.table(['', 'ms (min-max)'], [[name, report.spread(ms)] for name, ms in rows])
    print(text)


if __name__ == '__main__':
    sys.exit(main())
