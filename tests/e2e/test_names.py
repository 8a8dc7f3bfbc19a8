"""Peers that are known by name: lookups that take for ever, several addresses of which one is dead."""

import signal
import socket
import time

import pytest

from harness import names
from harness.daemon import CHAT
from harness.waiting import patience, until

pytestmark = pytest.mark.skipif(not names.possible(), reason='needs a mount namespace')

NOWHERE = {'d': {'proxy': 'http://nowhere.example:80', 'models': ['d']}}


@pytest.fixture
def resolver(lab):
    try:
        return lab.closing(names.SilentResolver())
    except PermissionError:
        pytest.skip('needs port 53')


def connects(daemon):
    """How many connections the daemon's machine has begun so far."""
    names_of, values = [line.split() for line in open('/proc/net/snmp') if line.startswith('Tcp:')]
    return int(values[names_of.index('ActiveOpens')])


def test_a_lookup_has_the_time_of_a_connection(lab, resolver):
    peers = {'d': {'proxy': 'http://nowhere.example:80', 'models': ['d'], 'timeouts': {'connect': 1}}}
    daemon = lab.daemon({'a': ''}, peers=peers, within=names.within(lab.folder, resolver=resolver.address))
    begin = time.monotonic()
    answer = daemon.chat('d')
    assert answer.status == 502 and 'look up nowhere.example: timed out' in answer.text
    assert 1 <= time.monotonic() - begin < patience(5)
    assert daemon.served_by('a')


def test_a_lookup_holds_up_no_other(lab, resolver):
    origin = lab.origin()
    origin.serve(lambda peer: peer.request() and peer.answer())
    peers = dict(NOWHERE, o={'proxy': 'http://known.test:%d' % origin.port, 'models': ['o']})
    hosts = ['127.0.0.1 known.test']
    daemon = lab.daemon({}, peers=peers, within=names.within(lab.folder, hosts, resolver.address))
    waiting = daemon.start_chat('d')
    resolver.wait_for_question()
    assert daemon.chat('o', timeout=patience(5)).status == 200
    assert not waiting.done()


def test_a_lookup_does_not_hold_those_who_leave(lab, resolver):
    daemon = lab.daemon({}, peers=NOWHERE, within=names.within(lab.folder, resolver=resolver.address))
    chat = daemon.open_chat('d')
    resolver.wait_for_question()
    chat.close()
    until(lambda: '"POST %s HTTP/1.1" ' % CHAT in daemon.log(), patience(5), 'the request to end')


def test_a_lookup_does_not_hold_up_the_end(lab, resolver):
    daemon = lab.daemon({}, peers=NOWHERE, within=names.within(lab.folder, resolver=resolver.address))
    daemon.open_chat('d')
    resolver.wait_for_question()
    daemon.signal(signal.SIGTERM)
    until(lambda: 'shutting down' in daemon.output(), patience(5))
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_exit() == 0


def test_a_silent_address_is_passed_over(lab):
    origin = lab.origin()
    origin.serve(lambda peer: peer.request() and peer.answer())
    silent = lab.closing(socket.socket(socket.AF_INET6))
    try:
        silent.bind(('::1', origin.port))
    except OSError:
        pytest.skip('needs IPv6')
    silent.listen(0)
    for _ in range(4):  # more than it has room for, so the next one gets no answer
        filler = lab.closing(socket.socket(socket.AF_INET6))
        filler.setblocking(False)
        filler.connect_ex(('::1', origin.port))
    peers = {'p': {'proxy': 'http://dual.test:%d' % origin.port, 'models': ['m'], 'timeouts': {'connect': 3}}}
    hosts = ['::1 dual.test', '127.0.0.1 dual.test']
    daemon = lab.daemon({}, peers=peers, within=names.within(lab.folder, hosts))
    for _ in range(2):
        assert daemon.chat('m').status == 200


def test_requests_at_once_share_one_lookup(lab):
    port = lab.port()
    peers = {'p': {'proxy': 'http://gone.test:%d' % port, 'models': ['m']}}
    daemon = lab.daemon({}, peers=peers, within=names.within(lab.folder, ['127.0.0.1 gone.test']))
    before, ours = connects(daemon), 50
    waiting = [daemon.start_chat('m') for _ in range(ours)]
    assert {future.result().status for future in waiting} == {502}
    # Ours to the daemon, and one each to the only address. Other tests may connect meanwhile.
    assert connects(daemon) - before < 6 * ours
