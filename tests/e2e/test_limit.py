"""concurrencyLimit: waiting and running together."""

import pytest

from harness.waiting import patience, until


def held(daemon, lab, model, count):
    futures = [daemon.start_chat(model, 'hold:1s') for _ in range(count)]
    until(lambda: len(lab.records(model, 'request')) == count)
    return futures


def test_one_too_many(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 2}})
    running = held(daemon, lab, 'a', 2)
    answer = daemon.chat('a', headers={'Accept': 'text/plain'})
    assert answer.status == 429 and answer.took < patience(0.2)
    assert answer.headers['retry-after'] == '1' and answer.headers['content-type'] == 'application/json'
    assert answer.json == {
        'src': 'llama-swap',
        'error': {
            'message': 'Too many requests',
            'type': 'rate_limit_error',
            'param': None,
            'code': 'concurrency_limit',
        },
    }
    assert [r.result().status for r in running] == [200, 200]
    assert daemon.chat('a').status == 200


def test_default_is_ten_and_counts_those_who_wait(lab):
    daemon = lab.daemon({'a': '--load 700ms'})
    requests = [daemon.start_chat('a', 'hold:300ms') for _ in range(11)]
    assert sorted(r.result().status for r in requests) == [200] * 10 + [429]


def test_zero_is_the_default(lab):
    daemon = lab.daemon({'a': {'flags': '--load 700ms', 'concurrencyLimit': 0}})
    requests = [daemon.start_chat('a', 'hold:300ms') for _ in range(11)]
    assert sorted(r.result().status for r in requests) == [200] * 10 + [429]


def test_before_any_loading_is_shown(lab):
    daemon = lab.daemon({'a': {'flags': '--load 1h', 'concurrencyLimit': 1}}, sendLoadingState=True)
    daemon.open_chat('a', stream=True).read_until('loading model: a')
    answer = daemon.chat('a', stream=True)
    assert answer.status == 429 and answer.json['error']['code'] == 'concurrency_limit'


def test_slots_come_back_whatever_happens(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 3}, 'b': ''})
    for _ in range(3):
        left = [daemon.open_chat('a', 'hold:10s') for _ in range(3)]
        until(lambda: len(lab.records('a', 'request')) - len(lab.records('a', 'closed')) == 3)
        for stream in left:
            stream.close()
        until(lambda: len(lab.records('a', 'request')) == len(lab.records('a', 'closed')), patience(1))
    busy = daemon.busy_chat('b', 'hold:300ms')
    queued = [daemon.open_chat('a') for _ in range(3)]
    for stream in queued:
        stream.close()
    busy.result()
    assert [r.result().status for r in [daemon.start_chat('a', 'hold:200ms') for _ in range(3)]] == [200] * 3


def test_slot_of_a_waiting_client_that_left_is_free_at_once(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 1, 'flags': '--load 3s'}, 'b': ''})
    for _ in range(10):
        waiting = daemon.open_chat('a')
        assert daemon.chat('a').status == 429, 'it has the only slot'
        waiting.close()
        with_slot = daemon.open_chat('a')
        assert daemon.chat('a').status == 429, 'the next one has it, not this one'
        with_slot.close()
    assert daemon.chat('a').status == 200


@pytest.mark.parametrize('fake', ['hold:10s', 'events:1000/10ms'])
def test_slot_of_a_served_client_that_left_is_free_at_once(lab, fake):
    daemon = lab.daemon({'a': {'concurrencyLimit': 1}})
    for n in range(10):
        leaving = daemon.open_chat('a', fake, stream=True)
        if fake.startswith('hold'):
            until(lambda: len(lab.records('a', 'request')) == 2 * n + 1)
        else:
            leaving.read_until('"n":0,')
        leaving.close()
        assert daemon.chat('a').status == 200, n
