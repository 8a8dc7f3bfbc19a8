"""Unloading after a time without use."""

import time

from harness import wire
from harness.waiting import Stopwatch, patience, stays, until


def test_after_the_last_use(lab):
    daemon = lab.daemon({'a': {'ttl': 1}, 'b': {'ttl': 0}}, groups={'g': {'swap': False, 'members': ['a', 'b']}})
    daemon.served_by('b')
    daemon.served_by('a')
    watch = Stopwatch()
    stays(lambda: daemon.state('a') == 'ready', 0.8)
    until(lambda: daemon.state('a') == 'stopped', 2 + patience(0.3))
    assert 0.9 < watch.seconds < 2 + patience(0.3)
    daemon.wait_for_log('Unloading model, TTL of 1s reached')
    assert daemon.state('b') == 'ready'


def test_running_request_is_use(lab):
    daemon = lab.daemon({'a': {'ttl': 1}})
    answer = daemon.chat('a', 'hold:2500ms,echo')
    assert answer.status == 200
    assert daemon.state('a') == 'ready'
    assert lab.starts('a') == 1


def test_each_request_begins_anew(lab):
    daemon = lab.daemon({'a': {'ttl': 1}})
    for _ in range(5):
        daemon.served_by('a')
        time.sleep(0.5)
    assert lab.starts('a') == 1


def test_looking_is_no_use(lab):
    daemon = lab.daemon({'a': {'ttl': 1}})
    daemon.served_by('a')
    watch = Stopwatch()
    while daemon.state('a') != 'stopped':
        daemon.get('/v1/models'), daemon.get('/health')
        assert watch.seconds < 2 + patience(0.5)
        time.sleep(0.05)


def test_ignored_websockets_are_no_use(lab):
    daemon = lab.daemon({'a': {'ttl': 1, 'concurrencyLimit': 1, 'compat': {'ignoreWebsockets': True}}})
    daemon.served_by('a')
    with daemon.wire() as w:
        w.send(wire.get('/upstream/a/socket', ['Connection: Upgrade', 'Upgrade: websocket', 'X-Fake: ws']))
        assert w.reply().status == 101
        daemon.served_by('a')  # nor do they hold a place
        watch = Stopwatch()
        while daemon.state('a') == 'ready':
            w.send(b'x')
            assert watch.seconds < 2 + patience(0.5)
            time.sleep(0.05)


def test_global_and_own(lab):
    daemon = lab.daemon(
        {'a': {}, 'b': {'ttl': 0}, 'c': {'ttl': -1}},
        globalTTL=1,
        groups={'g': {'swap': False, 'members': ['a', 'b', 'c']}},
    )
    for model in 'abc':
        daemon.served_by(model)
    ttl = {m['model']: m['ttl'] for m in daemon.get('/running').json['running']}
    assert ttl == {'a': 1, 'b': 0, 'c': 1}
    until(lambda: daemon.running() == {'b': 'ready'}, 2 + patience(0.5))


def test_becoming_ready_is_use(lab):
    """A model whose clients left while it loaded lives for its ttl, not for a moment."""
    daemon = lab.daemon({'a': {'flags': '--load 300ms', 'ttl': 2}})
    stream = daemon.open_chat('a')
    until(lambda: lab.starts('a'))
    stream.close()
    daemon.wait_for_state('a', 'ready')
    stays(lambda: daemon.state('a') == 'ready', 1.5)


def test_request_at_the_last_moment_is_served(lab):
    """Whatever the timing, a request that meets the unloading ends well."""
    daemon = lab.daemon({'a': {'flags': '--on-term delay:30ms', 'ttl': 1}})
    daemon.served_by('a')
    for wait in (0.9, 0.98, 1.0, 1.02, 1.1):
        time.sleep(wait)
        daemon.served_by('a')
