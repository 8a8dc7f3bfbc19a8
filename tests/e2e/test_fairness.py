"""A steady stream of requests for one model must not starve another (and does, if that is what was configured)."""

import threading
import time

from harness.waiting import Stopwatch, patience, until


def scheduling(max_wait, **more):
    return {'scheduler': {'use': 'fifo', 'settings': {'fifo': {'maxWait': max_wait, **more}}}}


class SteadyLoad:
    """Overlapping requests, so that the model is never idle for a moment."""

    def __init__(self, daemon, model, clients=3, hold='300ms'):
        self.over = threading.Event()
        self.bad = []
        self.served = 0

        def run():
            while not self.over.is_set():
                answer = daemon.chat(model, 'hold:' + hold)
                if answer.status == 200:
                    self.served += 1
                else:
                    self.bad.append(answer)

        self.threads = [threading.Thread(target=run) for _ in range(clients)]
        for t in self.threads:
            t.start()
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()


def test_waits_no_longer_than_max_wait(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, routing=scheduling('2s'))
    daemon.served_by('a')
    with SteadyLoad(daemon, 'a') as load:
        answer = daemon.chat('b', 'echo')
        assert answer.status == 200 and answer.json['tag'] == 'b'
        assert 1.5 < answer.took < 2.3 + patience(0.5), answer
    assert load.bad == [] and load.served > 3
    starts = [r['t'] for r in lab.records('a', 'start')]
    assert len(starts) == 2, 'a was swapped out once, and came back'


def test_batching_until_then(lab):
    """Before the limit requests for the loaded model are served at once, although another waits."""
    daemon = lab.daemon({'a': '', 'b': ''}, routing=scheduling('30s'))
    busy = daemon.busy_chat('a', 'hold:1s')
    waiting = daemon.start_chat('b')
    time.sleep(0.2)
    for _ in range(5):
        assert daemon.chat('a').took < patience(0.1)
    assert not waiting.done()
    assert busy.result().status == waiting.result().status == 200


def test_zero_is_for_ever(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, routing=scheduling('0s'))
    daemon.served_by('a')
    with SteadyLoad(daemon, 'a'):
        starved = daemon.start_chat('b')
        time.sleep(4)
        assert not starved.done() and not lab.starts('b')
    assert starved.result().status == 200


def test_running_requests_are_never_cut_for_a_swap(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, routing=scheduling('200ms'))
    stream = daemon.open_chat('a', 'events:20/100ms', stream=True)
    stream.read_until('"n":1,')
    other = daemon.start_chat('b')
    answer = stream.finish()
    assert answer.complete and answer.events[-1] == '[DONE]'
    assert other.result().status == 200
    assert lab.records('b', 'start')[0]['t'] >= lab.records('a', 'answered')[-1]['t']


def test_priority_orders_the_queue(lab):
    daemon = lab.daemon({'a': '', 'low': '', 'high': ''}, routing=scheduling('30s', priority={'high': 10}))
    busy = daemon.busy_chat('a', 'hold:500ms')
    low = daemon.start_chat('low')
    time.sleep(0.1)
    high = daemon.start_chat('high')
    assert {r.result().status for r in (busy, low, high)} == {200}
    assert lab.records('high', 'start')[0]['t'] < lab.records('low', 'start')[0]['t']


def test_requests_are_batched_by_model(lab):
    """A B C A B C with A busy: each model is loaded once."""
    daemon = lab.daemon({'a': '', 'b': '', 'c': ''}, routing=scheduling('30s'))
    busy = daemon.busy_chat('a', 'hold:500ms')
    requests = []
    for model in 'bcabc':
        requests.append(daemon.start_chat(model))
        time.sleep(0.05)
    assert {r.result().status for r in [busy, *requests]} == {200}
    assert [lab.starts(m) for m in 'abc'] == [1, 1, 1]


def test_min_residency_protects_a_fresh_model(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, routing=scheduling('30s', minResidency='1s'))
    watch = Stopwatch()
    daemon.served_by('a')
    loaded = watch.seconds
    daemon.served_by('b')
    assert watch.seconds - loaded > 0.8
    until(lambda: daemon.running() == {'b': 'ready'})
