"""GET /v1/models and GET /running."""

import time


def test_records(lab):
    daemon = lab.daemon(
        {
            'b': {
                'name': ' Bee ',
                'description': 'hums',
                'aliases': ['buzz'],
                'metadata': {'note': 'hi', 'type': 'mine'},
                'capabilities': {'in': ['text', 'image'], 'out': ['text'], 'tools': True, 'context': 4096},
            },
            'a': '',
            'hidden': {'unlisted': True},
        },
        includeAliasesInList=True,
    )
    listed = daemon.get('/v1/models')
    assert listed.headers['content-type'] == 'application/json'
    records = {r['id']: r for r in listed.json['data']}
    assert [r['id'] for r in listed.json['data']] == ['a', 'b', 'buzz']
    b = records['b']
    assert (b['object'], b['owned_by'], b['name'], b['description']) == ('model', 'llama-swap', 'Bee', 'hums')
    assert (
        b['context_length'] == 4096
        and b['meta']['n_ctx'] == 4096
        and b['supported_parameters'] == ['tools', 'tool_choice']
    )
    assert b['architecture'] == {
        'input_modalities': ['text', 'image'],
        'output_modalities': ['text'],
        'modality': 'text+image->text',
    }
    assert b['capabilities'] == {'vision': True, 'function_calling': True}
    assert b['meta']['llamaswap'] == {'note': 'hi', 'type': 'model', 'aliases': ['buzz']}
    assert records['buzz']['meta']['llamaswap'] == {'note': 'hi', 'type': 'alias', 'modelID': 'b'}
    assert {r['status']['value'] for r in records.values()} == {'unloaded'}
    daemon.served_by('a')
    assert daemon.get('/models').json['data'][0]['status'] == {'value': 'loaded'}


DETAILS = {'architecture': 1, 'capabilities': 2, 'supported_parameters': 3, 'context_length': 4}


def test_records_of_every_kind(lab):
    pins = {**dict.fromkeys(['pin', 'hidden', 'of hidden', 'r', 'warm', 'secret'], 'plain'), 'off': ''}
    daemon = lab.daemon(
        {
            'plain': {'name': '  ', 'metadata': {**DETAILS, 'n': None, 'l': [1, {'x': 'y'}], 'aliases': 'mine'}},
            'able': {'metadata': {**DETAILS, 'kept': 1}, 'capabilities': {'reranker': True}},
            'set': {'aliases': [' padded ', 'z'], 'filters': {'setParamsByID': {'z:1': {'a': 1}, 'b:1': {}, 'set': {}}}},
            'hidden': {'unlisted': True, 'aliases': ['of hidden']},
        },
        includeAliasesInList=True,
        peers={'p': {'proxy': 'http://127.0.0.1:9', 'models': ['r', 'org/r']}},
        selectors={
            'spill': {
                'strategy': 'spillover',
                'name': ' S ',
                'description': ' d ',
                'metadata': {'strategy': 'mine', 'context_length': 5},
                'targets': ['plain', 'p/r'],
            },
            'warm': {'strategy': 'warm', 'targets': ['able', 'plain']},
            'first': {'strategy': 'pin', 'targets': ['able', 'plain']},
            'secret': {'strategy': 'warm', 'targets': ['plain', 'able'], 'unlisted': True},
        },
        profiles={'day': {'pins': pins}},
    )
    inactive = [r['id'] for r in daemon.get('/v1/models').json['data']]
    assert daemon.request('PUT', '/api/profiles/active', {'name': 'day'}).status == 200
    before = int(time.time())
    listed = daemon.get('/v1/models').json
    assert listed['object'] == 'list' and all(before <= r['created'] <= time.time() for r in listed['data'])
    records = {r['id']: r for r in listed['data']}
    assert list(records) == ['able', 'b:1', 'first', 'p/org/r', 'p/r', 'padded', 'pin', 'plain', 'set', 'spill', 'warm', 'z', 'z:1']
    assert inactive == [name for name in records if name != 'pin']

    def ours(name):
        return records[name]['meta']['llamaswap']

    assert ours('plain') == {**DETAILS, 'n': None, 'l': [1, {'x': 'y'}], 'aliases': 'mine', 'type': 'model'}
    assert ours('able') == {'kept': 1, 'type': 'model'} and records['able']['capabilities'] == {'reranker': True}
    assert ours('set') == {'type': 'model', 'aliases': [' padded ', 'z', 'b:1', 'z:1']}
    assert ours('padded') == ours('b:1') == {'type': 'alias', 'modelID': 'set'}
    assert ours('spill') == {
        'type': 'selector',
        'strategy': 'spillover',
        'targets': ['plain', 'p/r'],
        'spillover': 1,
        'context_length': 5,
    }
    assert (records['spill']['name'], records['spill']['description']) == ('S', 'd')
    assert ours('warm') == {'type': 'selector', 'strategy': 'warm', 'targets': ['able', 'plain']}
    assert ours('p/org/r') == {'type': 'peer', 'peerID': 'p'} and records['p/org/r']['name'] == 'p: org/r'
    assert ours('pin') == {'type': 'profile'}
    for name, members in (('plain', set()), ('able', {'capabilities'}), ('spill', {'name', 'description'}), ('pin', set())):
        assert set(records[name]) == {'id', 'object', 'created', 'owned_by', 'meta', 'status'} | members, name
    daemon.served_by('plain')
    loaded = [r['id'] for r in daemon.get('/v1/models').json['data'] if r['status'] == {'value': 'loaded'}]
    assert loaded == ['plain', 'spill', 'warm']


def test_states(lab):
    models = {'a': '--load 1s --on-term delay:1s', 'b': ''}
    daemon = lab.daemon(models, selectors={'sel': {'strategy': 'warm', 'targets': ['a']}})

    def seen():
        listed = {r['id']: r['status']['value'] for r in daemon.get('/v1/models').json['data']}
        return daemon.running(), listed['a'], listed['sel']

    assert seen() == ({}, 'unloaded', 'unloaded')
    chat = daemon.start_chat('a')
    daemon.wait_for_state('a', 'starting')
    assert seen() == ({'a': 'starting'}, 'loaded', 'loaded')
    assert chat.result().status == 200
    unload = lab.background(daemon.unload)
    daemon.wait_for_state('a', 'stopping')
    assert seen() == ({'a': 'stopping'}, 'loaded', 'unloaded')
    unload.result()
    assert seen() == ({}, 'unloaded', 'unloaded')


def test_running(lab):
    config = lab.config({'a': {'ttl': 77, 'name': 'A', 'description': 'first'}})
    daemon = lab.daemon(config=config)
    answer = daemon.get('/running')
    assert answer.json == {'running': []} and answer.body.endswith(b'\n')
    daemon.served_by('a')
    (record,) = daemon.get('/running').json['running']
    port = config['startPort']
    assert record == {
        'model': 'a',
        'state': 'ready',
        'cmd': lab.fake('a', port=port),
        'proxy': 'http://localhost:%d' % port,
        'ttl': 77,
        'name': 'A',
        'description': 'first',
    }


def test_ports_go_by_the_names_of_the_models(lab):
    config = lab.config(
        {'b': '', 'a9': '', 'a10': '', 'B': ''}, groups={'g': {'swap': False, 'members': ['b', 'a9', 'a10', 'B']}}
    )
    daemon = lab.daemon(config=config)
    for model in config['models']:
        daemon.served_by(model)
    ports = [(r['model'], r['proxy']) for r in daemon.get('/running').json['running']]
    assert ports == [
        (m, 'http://localhost:%d' % (config['startPort'] + i)) for i, m in enumerate(['B', 'a10', 'a9', 'b'])
    ]
