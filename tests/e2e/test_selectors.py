"""Selectors: which target a request goes to, what happens to those that cannot be reached, and what is known of peers."""

import contextlib
import json

import pytest

from harness import wire
from harness.daemon import CHAT, START_FAILED
from harness.waiting import patience, until

UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'X-Fake: ws']


def spillover(*targets, n=1, **settings):
    return {'strategy': 'spillover', 'targets': list(targets), 'settings': {'spillover': n, **settings}}


def together(lab, models, **settings):
    """A daemon whose models may all run at once."""
    return lab.daemon(models, groups={'g': {'swap': False, 'members': list(models)}}, **settings)


def peer(port, *models, **settings):
    return {'proxy': 'http://127.0.0.1:%d' % port, 'models': list(models), **settings}


def tag(daemon, name='sel', **options):
    answer = daemon.chat(name, 'echo', **options)
    assert answer.status == 200, answer
    return answer.json['tag']


def hold(daemon, name='sel'):
    """A request that runs until .close(); .tag is of who serves it."""
    stream = daemon.open_chat(name, 'events:100000/50ms', stream=True)
    stream.tag = json.loads(stream.read_until('\n\n').events[0])['tag']
    return stream


def test_spillover_fills_one_target_after_the_other(lab):
    """The example of the specification."""
    daemon = together(lab, {'a': '', 'b': '', 'c': ''}, selectors={'sel': spillover('a', 'b', 'c', n=2)})
    first, second, third = hold(daemon), hold(daemon), hold(daemon)
    assert [first.tag, second.tag, third.tag] == ['a', 'a', 'b']
    first.close()
    until(lambda: len(lab.records('a', 'closed')) == 1, patience(2), 'the model to be told')
    daemon.served_by('c')
    assert hold(daemon).tag == 'c'


def test_spillover_takes_turns(lab):
    daemon = together(lab, {'a': '', 'b': ''}, selectors={'sel': spillover('a', 'b')})
    daemon.served_by('a')
    assert [tag(daemon) for _ in range(3)] == ['a', 'a', 'a']  # b is not started for nothing
    daemon.served_by('b')
    assert sorted(tag(daemon) for _ in range(6)) == ['a', 'a', 'a', 'b', 'b', 'b']


def test_spillover_to_a_peer(lab):
    far = lab.start_fake('far')
    daemon = lab.daemon({'a': ''}, peers={'p': peer(far.port, 'm')}, selectors={'sel': spillover('a', 'p/m')})
    assert [hold(daemon).tag, hold(daemon).tag] == ['a', 'far']
    assert daemon.chat('p/m', 'echo').json['tag'] == 'far'


def test_a_reload_keeps_the_counts(lab):
    config = lab.config(
        {'a': '', 'b': ''}, groups={'g': {'swap': False, 'members': ['a', 'b']}}, selectors={'sel': spillover('a', 'b')}
    )
    daemon = lab.daemon(config=config)
    running = hold(daemon)
    daemon.reload(config)
    assert [running.tag, hold(daemon).tag] == ['a', 'b']


def test_nobody_available(lab):
    daemon = lab.daemon({'a': {'flags': '--on-term ignore'}}, selectors={'sel': spillover('a')}, unloadTimeout=20)
    daemon.served_by('a')
    lab.background(daemon.unload, 'a')
    daemon.wait_for_state('a', 'stopping')
    answer = daemon.chat('sel')
    assert answer.status == 503 and answer.message == 'selector "sel" has no available spillover targets'


def test_warm_prefers_what_runs(lab):
    daemon = together(
        lab, {'a': '', 'b': '', 'c': ''}, selectors={'sel': {'strategy': 'warm', 'targets': ['a', 'b', 'c']}}
    )
    daemon.served_by('c')
    assert tag(daemon) == 'c'
    daemon.served_by('b')
    assert tag(daemon) == 'b'
    daemon.unload()
    assert tag(daemon) == 'a'


def test_pin_is_the_first_whatever_runs(lab):
    daemon = together(lab, {'a': '', 'b': ''}, selectors={'sel': {'strategy': 'pin', 'targets': ['a', 'b']}})
    daemon.served_by('b')
    assert tag(daemon) == 'a'


def test_ignored_websockets_do_not_count(lab):
    models = {'a': {'compat': {'ignoreWebsockets': True}}, 'b': ''}
    daemon = together(lab, models, selectors={'sel': spillover('a', 'b'), 'other': spillover('b', 'a')})
    daemon.served_by('a')
    with daemon.wire() as ignored, daemon.wire() as counted:
        ignored.send(wire.get('/props?model=sel', UPGRADE))
        assert ignored.reply().status == 101
        assert tag(daemon) == 'a'
        daemon.served_by('b')
        daemon.unload('a')
        counted.send(wire.get('/props?model=other', UPGRADE))
        assert counted.reply().status == 101
        assert tag(daemon, 'other') == 'a'


def test_the_list_of_requests_names_the_selector(lab):
    daemon = lab.daemon({'a': ''}, selectors={'sel': {'strategy': 'pin', 'targets': ['a']}})
    running, plain = hold(daemon), hold(daemon, 'a')
    events = daemon.open('GET', '/api/events')

    def entries():
        events.read_some()
        for message in events.answer.events:
            with contextlib.suppress(ValueError):
                envelope = json.loads(message)
                if envelope['type'] == 'inflight':
                    return json.loads(envelope['data'])['requests']
        return None

    shown = until(entries)
    assert [(r['model'], r.get('metadata')) for r in shown] == [('a', {'selector': 'sel'}), ('a', None)]


# Targets that cannot be reached
def test_a_model_that_does_not_start_is_passed_over(lab):
    daemon = together(
        lab,
        {'broken': '--fail-start 3', 'a': ''},
        selectors={'sel': {'strategy': 'warm', 'targets': ['broken', 'a']}},
    )
    assert tag(daemon) == 'a'
    starts = lab.starts('broken')
    assert starts >= 1 and 'selector sel: broken cannot be reached, trying a: ' in daemon.log()
    daemon.unload('a')
    assert tag(daemon) == 'a'
    assert lab.starts('broken') == starts
    assert daemon.chat('broken').status in START_FAILED  # by its own name it is tried


def test_the_whole_request_goes_to_the_next_target(lab):
    body = b'{"x":"%s","model":"sel"}' % (b'x' * (1 << 20))
    far = lab.start_fake('far')
    daemon = lab.daemon(
        {'a': ''},
        peers={'gone': peer(lab.port(), 'long-name'), 'p': peer(far.port, 'm')},
        selectors={'sel': spillover('gone/long-name', 'p/m')},
    )
    headers = {'Content-Type': 'application/json', 'X-Fake': 'echo'}
    echo = daemon.post(CHAT, body, headers=headers).json
    expected = body.replace(b'"sel"', b'"m"')
    assert (echo['tag'], echo['body_size']) == ('far', len(expected))
    multipart = '--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n--B--\r\n'
    daemon.reload()  # what is known of peers stays
    headers['Content-Type'] = 'multipart/form-data; boundary=B'
    echo = daemon.post('/v1/audio/transcriptions', (multipart % 'sel').encode(), headers=headers).json
    assert (echo['tag'], echo['body']) == ('far', multipart % 'm')
    assert daemon.log().count('trying p/m') == 1


def test_a_peer_that_comes_back(lab):
    port, far = lab.port(), lab.start_fake('far')
    daemon = lab.daemon(
        {'a': ''},
        peers={'home': peer(port, 'm'), 'p': peer(far.port, 'm')},
        selectors={'sel': spillover('home/m', 'p/m', retryAfter='200ms'), 'none': spillover('home/m', 'p/m', retryAfter=0)},
    )
    assert [tag(daemon), tag(daemon)] == ['far', 'far']
    assert daemon.log().count('peer home: cannot be reached: ') == 1
    answer = daemon.chat('none')
    assert answer.status == 502 and answer.message.startswith('peer proxy error: ')

    lab.start(lab.fake('home', port=port), wait_for_port=port)
    until(lambda: tag(daemon) == 'home', patience(3), 'the peer to be tried again')
    assert daemon.log().count('peer home: cannot be reached: ') == 1
    assert daemon.log().count('peer home: reached again, after ') == 1
    assert tag(daemon, 'none') == 'home'


def test_all_of_them_gone(lab):
    gone = [lab.port(), lab.port()]
    daemon = lab.daemon(
        {'a': '--fail-start 1'},
        peers={'p': peer(gone[0], 'm'), 'q': peer(gone[1], 'm')},
        selectors={'sel': spillover('p/m', 'a', 'q/m'), 'pin': {'strategy': 'pin', 'targets': ['p/m', 'q/m']}},
    )
    for _ in range(2):  # known or not, each is tried once
        daemon.wait_for_state('a', 'stopped')
        answer = daemon.chat('sel')
        assert answer.status == 502 and answer.message.startswith('peer proxy error: '), answer
    assert daemon.log().count('cannot be reached, trying') == 4
    assert daemon.chat('pin').status == 502
    assert daemon.log().count('cannot be reached, trying') == 4


@pytest.mark.parametrize('fake', ['status:503', 'status:502', 'drop'])
def test_what_has_got_the_request_is_not_passed_over(lab, fake):
    """It may have worked on it."""
    p, q = lab.start_fake('p'), lab.start_fake('q')
    daemon = lab.daemon(
        {'a': ''}, peers={'p': peer(p.port, 'm'), 'q': peer(q.port, 'm')}, selectors={'sel': spillover('p/m', 'q/m')}
    )
    assert daemon.chat('sel', fake).status in (502, 503)
    assert not lab.records('q', 'request') and 'cannot be reached' not in daemon.log()
    assert tag(daemon) == 'p'


def test_no_second_try_once_the_client_has_got_something(lab):
    daemon = together(
        lab,
        {'broken': '--load 300ms --fail-start 3', 'a': ''},
        selectors={'sel': {'strategy': 'warm', 'targets': ['broken', 'a']}},
        sendLoadingState=True,
    )
    answer = daemon.chat('sel', stream=True)
    assert answer.status == 200 and 'llama-swap loading model: broken' in answer.text
    assert answer.events[-1] == '[DONE]' and 'unspecific error' in answer.text
    assert tag(daemon) == 'a'  # but the next request knows
