"""GET /v1/models and GET /running."""


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
