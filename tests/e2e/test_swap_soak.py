"""Many swaps in a row under several clients: everybody is answered by his own model, and nothing grows."""

import os
import random
import threading
import time

import pytest

from harness import web
from harness.daemon import CHAT
from harness.waiting import patience, until

SWAPS = int(os.environ.get('SWAPS', '60'))
MODELS = ['a', 'b', 'c']


class Clients:
    def __init__(self, daemon, count, seed):
        self.daemon = daemon
        self.over = threading.Event()
        self.problems = []
        self.answered = 0
        self.left = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed * 100 + i),)) for i in range(count)]
        for t in self.threads:
            t.start()

    def run(self, chance):
        while not self.over.is_set() and not self.problems:
            model = chance.choice(MODELS)
            try:
                self.leave(model, chance) if chance.random() < 0.2 else self.ask(model, chance.random() < 0.5)
            except Exception as e:  # pylint: disable=broad-except
                self.problems.append('%s: %r' % (model, e))

    def ask(self, model, stream):
        answer = self.daemon.chat(model, stream=stream)
        assert answer.status == 200 and answer.complete, answer
        assert '"tag":"%s"' % model in answer.text, 'answered by another: %r' % answer
        assert not stream or answer.events[-1] == '[DONE]', answer
        with self.lock:
            self.answered += 1

    def leave(self, model, chance):
        stream = web.Stream(
            self.daemon.port, 'POST', CHAT, self.daemon.chat_body(model, True), headers={'X-Fake': 'events:50/5ms'}
        )
        time.sleep(chance.uniform(0, 0.05))
        stream.close()
        with self.lock:
            self.left += 1

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join()


def swaps(lab):
    return sum(lab.starts(m) for m in MODELS)


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_grows(lab):
    seed = random.randrange(10**6)
    print('seed %d, SWAPS=%d' % (seed, SWAPS))
    daemon = lab.daemon(
        {m: {'concurrencyLimit': 100} for m in MODELS},
        logLevel='info',
        captureBuffer=1,
        metricsMaxInMemory=100,
        routing={'scheduler': {'settings': {'fifo': {'maxWait': '200ms'}}}},
    )
    clients = Clients(daemon, 8, seed)
    early = []
    try:
        third = min(100, SWAPS // 3)
        until(lambda: swaps(lab) >= third or clients.problems, patience(SWAPS), 'the first %d swaps' % third, 0.1)
        early = [(daemon.descriptors(), daemon.memory_kib())]
        while swaps(lab) < SWAPS and not clients.problems:
            time.sleep(0.1)
            if len(early) < 20:
                early.append((daemon.descriptors(), daemon.memory_kib()))
        late = [(daemon.descriptors(), daemon.memory_kib())]
    finally:
        clients.stop()
    assert clients.problems == []
    assert clients.answered > SWAPS and clients.left > 0
    until(lambda: len(lab.alive()) <= 2, what='one model and its shim alone to be left')
    print(
        '%d swaps, %d answers, %d left; descriptors and KiB early %r late %r'
        % (swaps(lab), clients.answered, clients.left, early[-1], late)
    )
    quiet = until(lambda: (d := daemon.descriptors()) <= max(e[0] for e in early) and d, patience(3))
    assert quiet <= max(e[0] for e in early)
    assert late[0][1] <= max(e[1] for e in early) * 1.15 + 1024


def test_one_instance_at_a_time(lab):
    """Intervals between start and exit of mutually exclusive models do not overlap."""
    daemon = lab.daemon({m: '--on-term delay:50ms' for m in MODELS})
    requests = [daemon.start_chat(random.choice(MODELS), 'hold:20ms') for _ in range(30)]
    assert {r.result().status for r in requests} <= {200, 429}
    daemon.unload()
    lives = sorted(
        (start['t'], exit_['t'], m)
        for m in MODELS
        for start, exit_ in zip(lab.records(m, 'start'), lab.records(m, 'exit'))
    )
    assert len(lives) >= 3
    for (_, end, first), (begin, _, second) in zip(lives, lives[1:]):
        assert end <= begin, '%s and %s lived at the same time' % (first, second)
