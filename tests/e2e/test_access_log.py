"""One line for each request, when it ends."""

import re

from harness import wire
from harness.daemon import CHAT
from harness.waiting import stays

LINE = re.compile(
    r'^\[INFO\] Request (\S+) "(\S+) (\S+) (HTTP/1\.[01])" (\d+) (\d+) "([^"]*)" '
    r'((?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(?:s|ms|µs|ns))$'
)


def lines(daemon, path):
    found = [LINE.match(line) for line in daemon.log().splitlines() if 'Request ' in line]
    assert all(found), daemon.log()
    return [m.groups() for m in found if m.group(3) == path]


def test_format(lab):
    daemon = lab.daemon({'a': ''})
    daemon.chat('a', 'bytes:5', headers={'User-Agent': 'me/1.0'})
    (line,) = lines(daemon, CHAT)
    assert line[:7] == ('127.0.0.1', 'POST', CHAT, 'HTTP/1.1', '200', '5', 'me/1.0')


def test_path_is_decoded_and_without_its_query(lab):
    daemon = lab.daemon({})
    daemon.get('/caf%C3%A9/x?secret=1')
    assert lines(daemon, '/café/x')[0][4] == '404'


def test_client_behind_a_proxy(lab):
    daemon = lab.daemon({})
    daemon.get('/one', headers={'X-Forwarded-For': '1.2.3.4, 5.6.7.8'})
    daemon.get('/two', headers={'X-Real-IP': '9.9.9.9'})
    assert lines(daemon, '/one')[0][0] == '1.2.3.4' and lines(daemon, '/two')[0][0] == '9.9.9.9'


def test_line_comes_at_the_end(lab):
    daemon = lab.daemon({'a': ''})
    busy = daemon.busy_chat('a', 'hold:500ms')
    stays(lambda: not lines(daemon, CHAT), 0.2)
    busy.result()
    assert re.match(r'^5\d\d(\.\d+)?ms$|^[\d.]+s$', lines(daemon, CHAT)[0][7])


def test_old_protocol_and_errors(lab):
    daemon = lab.daemon({})
    daemon.talk(b'GET /old HTTP/1.0\r\n\r\n')
    assert lines(daemon, '/old')[0][3:5] == ('HTTP/1.0', '404')
    daemon.chat('nobody')
    assert lines(daemon, CHAT)[0][4] == '404'


def test_quiet_paths(lab):
    daemon = lab.daemon({})
    for path in ('/wol-health', '/api/performance', '/metrics'):
        daemon.get(path)
        assert lines(daemon, path) == []


def test_no_forged_lines(lab):
    daemon = lab.daemon({})
    daemon.get('/x%0A[ERROR]%20forged')
    with daemon.wire() as w:
        w.send(wire.get('/y', ['User-Agent: a" 200 0 "b']))
        w.reply()
    log = daemon.log().splitlines()
    assert not [line for line in log if line.startswith('[ERROR]')]
