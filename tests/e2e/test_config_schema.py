"""docs/config-schema.json, as an editor applies it: everything shown in examples/, README.md and docs/configuration.md is
valid, and so are the liberties that the loader allows; slips of the pen are not. (That the examples load is seen in
src/config/documents_test.cc, where the loader is.)"""

import json
import pathlib
import re

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = json.loads((ROOT / 'docs/config-schema.json').read_text(encoding='utf-8'))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def complaints(text):
    """Dotted paths of what is not valid."""
    return sorted({'.'.join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(yaml.safe_load(text))})


def shown():
    for path in sorted((ROOT / 'examples').glob('*.yaml')):
        yield pytest.param(path.read_text(encoding='utf-8'), id=path.name)
    for name in ('README.md', 'docs/configuration.md'):
        text = (ROOT / name).read_text(encoding='utf-8')
        for block in re.finditer(r'^```yaml\n(.*?)^```$', text, re.MULTILINE | re.DOTALL):
            line = text.count('\n', 0, block.start(1)) + 1
            yield pytest.param(block[1], id=f'{name}:{line}')


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize('text', list(shown()))
def test_what_is_shown_is_valid(text):
    assert complaints(text) == []


@pytest.mark.parametrize('text', [
    '', '# nothing', '{}',
    'models:', 'models: {a: }', 'models: {a: {cmd: , ttl: , unlisted: , aliases: , filters: , metadata: }}',
    'x-mine: [1]', 'unknown: {a: 1}', 'models: {a: {x-note: 1, unknown: 2}}',
    'base: &b {ttl: 5}\nmodels: {a: {<<: *b, cmd: x}}',
    'macros: {n: 5, flag: true, s: text, f: 1.5}',
    'startPort: ${n}', 'models: {a: {ttl: "${n}", unlisted: "${flag}", stopScope: "${s}", timeouts: {connect: "${n}"}}}',
    'includeAliasesInList: "yes"', 'includeAliasesInList: "OFF"',
    'models: {a: {name: 7, cmd: true, env: [1, null]}}',
    'maxRequestBody: 1048576', 'maxRequestBody: 64 MiB', 'bodyMemory: 1.5gb', 'bodyMemory: 100B',
    'performance: {every: 1m30s}', 'performance: {every: .5h}',
    'routing: {scheduler: {settings: {fifo: {maxWait: 0, minResidency: 1500ms, priority: {a: -3}}}}}',
    'logTimeFormat: ""', 'models: {a: {ttl: -1, timeouts: {keepalive: -1}, concurrencyLimit: -1}}',
])
def test_liberties(text):
    assert complaints(text) == []


@pytest.mark.parametrize('text, where', [
    ('[a]', ''), ('models: [a]', 'models'), ('models: {a: text}', 'models.a'),
    ('startPort: 0', 'startPort'), ('startPort: soon', 'startPort'), ('startPort: "5800"', 'startPort'),
    ('globalTTL: -1', 'globalTTL'), ('unloadTimeout: true', 'unloadTimeout'),
    ('logLevel: loud', 'logLevel'), ('logToStdout: Both', 'logToStdout'),
    ('includeAliasesInList: "true"', 'includeAliasesInList'), ('includeAliasesInList: 1', 'includeAliasesInList'),
    ('apiKeys: secret', 'apiKeys'), ('apiKeys: [[a]]', 'apiKeys.0'),
    ('maxRequestBody: much', 'maxRequestBody'), ('maxRequestBody: 0', 'maxRequestBody'), ('bodyMemory: 5k', 'bodyMemory'),
    ('performance: {every: 30}', 'performance.every'), ('performance: {every: -1s}', 'performance.every'),
    ('macros: {PORT: 1}', 'macros'), ('macros: {"a b": 1}', 'macros'), ('macros: {a: [1]}', 'macros.a'),
    ('models: {a: {ttl: -2}}', 'models.a.ttl'), ('models: {a: {stopScope: all}}', 'models.a.stopScope'),
    ('models: {a: {aliases: b}}', 'models.a.aliases'), ('models: {a: {cmd: [x]}}', 'models.a.cmd'),
    ('models: {a: {capabilities: {in: [smell]}}}', 'models.a.capabilities.in.0'),
    ('models: {a: {capabilities: {context: -1}}}', 'models.a.capabilities.context'),
    ('models: {a: {filters: {setParamsByID: {b: 1}}}}', 'models.a.filters.setParamsByID.b'),
    ('groups: {g: {members: a}}', 'groups.g.members'), ('matrix: {sets: [a]}', 'matrix.sets'),
    ('matrix: {evict_costs: {a: 0}}', 'matrix.evict_costs.a'),
    ('routing: {router: {use: grid}}', 'routing.router.use'),
    ('routing: {router: {settings: {groups: {g: {swap: 1}}}}}', 'routing.router.settings.groups.g.swap'),
    ('routing: {scheduler: {settings: {fifo: {maxWait: 5}}}}', 'routing.scheduler.settings.fifo.maxWait'),
    ('selectors: {s: {strategy: best}}', 'selectors.s.strategy'),
    ('peers: {p: {timeouts: {responseHeader: long}}}', 'peers.p.timeouts.responseHeader'),
])
def test_slips_of_the_pen(text, where):
    assert complaints(text) == [where]
