"""From groups to the matrix and back by reload, in the middle of things: nothing is lost."""

import pytest

from harness.waiting import patience

# In both, d goes on beside everything, and only one of a, b and c runs.
GROUPS = {
    'one': {'swap': True, 'exclusive': False, 'members': ['a', 'b', 'c']},
    'kept': {'swap': False, 'exclusive': False, 'persistent': True, 'members': ['d']},
}
MATRIX = {'vars': {'keep': 'd'}, 'sets': {'s': '(a | b | c) & keep'}}


def groups(config, settings=None):
    return {**config, 'routing': {'router': {'use': 'group', 'settings': {'groups': settings or GROUPS}}}}


def matrix(config, sets=None):
    settings = {**MATRIX, 'sets': sets} if sets else MATRIX
    return {**config, 'routing': {'router': {'use': 'matrix', 'settings': {'matrix': settings}}}}


@pytest.fixture
def config(lab):
    return lab.config({name: '' for name in 'abcd'})


def waiting_chats(daemon, events, *models):
    """One chat each, in the background; all of them wait in the queue on return."""
    chats = []
    for model in models:
        chats.append((model, daemon.start_chat(model, 'echo')))
        events.read_until('\\"model\\":\\"%s\\"' % model)
    return chats


def expect_answers(chats):
    for model, chat in chats:
        answer = chat.result(patience(10))
        assert answer.status == 200 and answer.complete and answer.json['tag'] == model, (model, answer)


@pytest.mark.parametrize('before, after', [(groups, matrix), (matrix, groups)])
def test_what_waits_and_what_streams_goes_on(lab, config, before, after):
    daemon = lab.daemon(config=before(config))
    kept = daemon.served_by('d')['pid']
    stream = daemon.open_chat('a', 'events:40/50ms', stream=True)
    stream.read_until('"n":1,')
    chats = waiting_chats(daemon, daemon.open('GET', '/api/events'), 'b', 'c')
    daemon.reload(after(config))
    assert daemon.running() == {'a': 'ready', 'd': 'ready'}, 'nobody makes room for those who wait'
    chats.append(('b', daemon.start_chat('b', 'echo')))
    assert stream.finish().complete
    expect_answers(chats)
    assert daemon.served_by('d')['pid'] == kept
    assert [lab.starts(model) for model in 'abcd'] == [1, 1, 1, 1]
    assert lab.records('a', 'exit')[0]['t'] <= min(lab.records(m, 'start')[0]['t'] for m in 'bc')


def test_the_new_router_lets_in_who_waited(lab, config):
    """What excluded each other before runs side by side, without waiting for the stream."""
    daemon = lab.daemon(config=groups(config))
    stream = daemon.open_chat('a', 'events:2000/50ms', stream=True)
    stream.read_until('"n":1,')
    events = daemon.open('GET', '/api/events')
    chats = waiting_chats(daemon, events, 'b')
    daemon.reload(matrix(config, {'s': 'a & b', 't': 'c'}))
    expect_answers(chats)
    chats = waiting_chats(daemon, events, 'c')
    daemon.reload(groups(config, {'all': {'swap': False, 'members': list('abcd')}}))
    expect_answers(chats)
    assert daemon.running() == {'a': 'ready', 'b': 'ready', 'c': 'ready'}
    assert stream.read_some(), 'the stream was cut'
    assert [lab.starts(model) for model in 'abc'] == [1, 1, 1]


def test_again_and_again_under_load(lab, config):
    daemon = lab.daemon(config=groups(config))
    kept = daemon.served_by('d')['pid']
    chats = []
    for n in range(8):
        for model in 'aabbccdd':
            chats.append((model, daemon.start_chat(model, 'echo')))
        daemon.reload((matrix, groups)[n % 2](config))
        expect_answers(chats[:-16])
    expect_answers(chats)
    assert daemon.served_by('d')['pid'] == kept and lab.starts('d') == 1
    assert set(daemon.running()) & set('abc') and len(daemon.running()) == 2
