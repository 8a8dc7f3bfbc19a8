"""/unload and /api/models/unload: what they end, and who hears about it."""

import pytest

from harness.daemon import START_FAILED
from harness.waiting import patience, stays, until

TOGETHER = {'g': {'swap': False, 'members': ['a', 'b']}}


def test_all(lab):
    daemon = lab.daemon({'a': '', 'b': ''}, groups=TOGETHER)
    daemon.served_by('a'), daemon.served_by('b')
    answer = daemon.get('/unload')
    assert answer.text == 'OK' and answer.headers['content-type'] == 'text/plain; charset=utf-8'
    assert daemon.running() == {} and lab.nobody_left()
    daemon.served_by('a')
    assert daemon.post('/api/models/unload').json == {'msg': 'ok'}
    assert daemon.running() == {}


def test_one(lab):
    daemon = lab.daemon({'a': {'aliases': ['x/y']}, 'b': ''}, groups=TOGETHER)
    daemon.served_by('a'), daemon.served_by('b')
    for name in ('x/y', 'x%2Fy', 'a'):
        daemon.unload(name)
        assert daemon.running() == {'b': 'ready'}
        assert daemon.chat('a').status == 200


def test_only_models_of_our_own_by_their_names(lab):
    daemon = lab.daemon(
        {'a': ''},
        peers={'p': {'proxy': 'http://127.0.0.1:9', 'models': ['far']}},
        selectors={'sel': {'strategy': 'pin', 'targets': ['a']}},
        profiles={'day': {'pins': {'pin': 'a'}}},
    )
    assert daemon.request('PUT', '/api/profiles/active', {'name': 'day'}).status == 200
    assert daemon.chat('pin').status == 200
    for name in ('nobody', 'sel', 'pin', 'p/far', 'far', 'p', '', 'A', 'a/', '%20a'):
        answer = daemon.post('/api/models/unload/' + name)
        assert (answer.status, answer.message) == (404, 'model not found'), name
    assert daemon.running() == {'a': 'ready'}


def test_each_model_has_its_own_time(lab):
    stubborn = {name: {'flags': '--on-term ignore', 'unloadTimeout': seconds} for name, seconds in (('a', 1), ('b', 2))}
    daemon = lab.daemon(stubborn, groups=TOGETHER)
    daemon.served_by('a'), daemon.served_by('b')
    unload = lab.background(daemon.get, '/unload')
    until(lambda: daemon.running() == {'b': 'stopping'}, 1 + patience(0.5))
    assert not unload.done() and 1.9 < unload.result().took < 2 + patience(0.5)
    assert lab.nobody_left()


def test_head_unloads_too(lab):
    daemon = lab.daemon({'a': ''})
    daemon.served_by('a')
    assert daemon.request('HEAD', '/unload').status == 200
    assert daemon.running() == {} and lab.nobody_left()


def test_stopped_model_is_a_success(lab):
    daemon = lab.daemon({'a': ''})
    daemon.unload('a'), daemon.unload()
    assert lab.starts('a') == 0


MATRIX = {'vars': {'a': 'a', 'b': 'b'}, 'sets': {'one': 'a', 'other': 'b'}}


@pytest.mark.parametrize('router, settings', [('group', {}), ('matrix', {'matrix': MATRIX})])
def test_requests_that_wait_for_it_fail(lab, router, settings):
    daemon = lab.daemon({'a': '', 'b': ''}, **settings)
    busy = daemon.busy_chat('a', 'hold:1s')
    queued = daemon.start_chat('b')
    stays(lambda: not queued.done(), 0.2)
    daemon.unload('b')
    answer = queued.result()
    assert (answer.status, answer.message) == (500, 'unspecific error: %s: model unloaded' % router)
    assert answer.json['error']['code'] == 'internal_error'
    assert busy.result().status == 200
    stays(lambda: not lab.starts('b'), 0.3, 'the unloaded model being off')


def test_requests_it_serves_break_and_free_their_slots(lab):
    daemon = lab.daemon({'a': {'concurrencyLimit': 2}})
    streams = [daemon.open_chat('a', 'events:1000/10ms', stream=True) for _ in range(2)]
    for s in streams:
        s.read_until('"n":1,')
    daemon.unload()
    assert not any(s.finish().complete for s in streams)
    again = [daemon.start_chat('a') for _ in range(2)]
    assert [r.result().status for r in again] == [200, 200]


def test_unload_of_a_model_whose_swap_still_stops_another(lab):
    """The swap is given up: the model must not be loaded after the unload has answered."""
    daemon = lab.daemon({'a': '--on-term delay:1s', 'b': ''})
    daemon.served_by('a')
    waiting = daemon.start_chat('b')
    daemon.wait_for_state('a', 'stopping')
    daemon.unload('b')
    assert waiting.result().status in START_FAILED
    until(lambda: daemon.running() == {}, patience(2))
    stays(lambda: not lab.starts('b'), 0.5, 'the unloaded model being off')


@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
def test_method(lab, method):
    daemon = lab.daemon({'a': ''})
    assert daemon.request(method, '/unload').status == 405


def test_an_unloaded_model_does_not_come_back_for_who_was_cut(lab):
    daemon = lab.daemon({'a': ''})
    busy = daemon.busy_chat('a', 'hold:4s')
    daemon.unload()
    assert busy.result().status >= 500
    assert daemon.running() == {} and lab.starts('a') == 1
