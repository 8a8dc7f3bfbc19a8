"""Profiles: what a pin may shadow and stand for, and who is told of a switch. More in test_resolution.py."""

import json

import pytest


def switch(daemon, name):
    return daemon.request('PUT', '/api/profiles/active', {'name': name})


def complete(answer):
    """The events that are there whole, and are about profiles or models: (type, data)."""
    events = [json.loads(block.split('data:', 1)[1]) for block in answer.text.split('\n\n')[:-1]]
    kinds = ('profileChanged', 'modelStatus')
    return [(event['type'], json.loads(event['data'])) for event in events if event['type'] in kinds]


def test_which_names_are_pinned(lab):
    far = lab.start_fake('far')
    daemon = lab.daemon(
        {'a': {'aliases': ['nick']}, 'b': {'filters': {'setParamsByID': {'b:set': {'k': 1}}}}},
        groups={'g': {'swap': False, 'members': ['a', 'b']}},
        peers={'p': {'proxy': 'http://127.0.0.1:%d' % far.port, 'models': ['bare', 'other']}},
        selectors={'sel': {'strategy': 'pin', 'targets': ['a']}},
        profiles={
            'day': {'pins': {'nick': 'b', 'sel': 'b', 'bare': 'b', 'to-bare': 'other', 'to-set': 'b:set', 'none': None}}
        },
    )
    assert daemon.get('/api/profiles').json['active'] is None
    assert daemon.chat('to-bare').status == 404
    assert switch(daemon, 'day').status == 200
    pins = daemon.get('/api/profiles').json['profiles'][0]['pins']
    assert pins == {'nick': 'b', 'sel': 'b', 'bare': 'b', 'to-bare': 'other', 'to-set': 'b:set', 'none': ''}
    # an alias, a selector and the bare name of a peer are shadowed; what is not pinned is what it was
    for requested, tag, read in [
        ('nick', 'b', 'b'),
        ('sel', 'b', 'b'),
        ('bare', 'b', 'b'),
        ('p/bare', 'far', 'bare'),
        ('to-bare', 'far', 'other'),
        ('to-set', 'b', 'b:set'),
        ('a', 'a', 'a'),
    ]:
        echo = daemon.chat(requested, 'echo').json
        assert (echo['tag'], json.loads(echo['body'])['model']) == (tag, read), requested
    assert json.loads(daemon.chat('to-set', 'echo').json['body'])['k'] == 1
    assert daemon.chat('none').message == 'no model id could be identified'


def test_answers_to_a_switch(lab):
    daemon = lab.daemon({'a': ''}, profiles={'day': {'description': ' by day ', 'pins': {'pin': 'a'}}})
    assert [p['id'] for p in daemon.get('/api/profiles').json['profiles']] == ['day']
    answer = switch(daemon, 'day')
    assert answer.headers['content-type'] == 'application/json' and answer.text == '{"active":"day"}\n'
    assert switch(daemon, None).text == '{"active":null}\n'
    assert daemon.request('PUT', '/api/profiles/active', b'x' * (2 << 20)).status == 413


@pytest.mark.parametrize('names', [('day', None), ('day', 'day', 'nobody', '', None, 'day', 'night')])
def test_only_a_change_is_told(lab, names):
    profiles = {'day': {'pins': {'pin': 'a'}}, 'night': {'pins': {'pin': 'a'}}}
    daemon = lab.daemon({'a': ''}, profiles=profiles)
    events = daemon.open('GET', '/api/events')
    before = len(complete(events.read_until('"inflight"')))
    wanted, active = [], None
    for name in names:
        switch(daemon, name)
        if (name or None) != active and name != 'nobody':
            active = name or None
            wanted += [('profileChanged', {'active': active}), ('modelStatus', 'a')]
    daemon.get('/the-end')
    told = complete(events.read_until('/the-end'))[before:]
    assert [(kind, data if kind == 'profileChanged' else data[0]['id']) for kind, data in told] == wanted


def test_a_reload_is_told(lab):
    config = lab.config({'a': ''}, profiles={'day': {'pins': {'pin': 'a'}}})
    daemon = lab.daemon(config=config)
    switch(daemon, 'day')
    events = daemon.open('GET', '/api/events')
    before = len(complete(events.read_until('"inflight"')))
    config['models']['a']['name'] = 'new name'
    daemon.reload(config)
    daemon.get('/the-end')
    told = complete(events.read_until('/the-end'))[before:]
    assert told[0] == ('profileChanged', {'active': None})
    kind, models = told[-1]
    assert kind == 'modelStatus' and models[0]['name'] == 'new name'
