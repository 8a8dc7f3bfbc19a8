"""Model servers that break off, answer too soon, too much or never, and clients that do not wait for them."""

import time

import pytest

from harness import wire
from harness.origin import whole
from harness.waiting import Stopwatch, patience, until

CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
KEPT_IN_MEMORY, KEPT_IN_A_FILE = 30_000_000, 40_000_000  # bodies


@pytest.fixture
def origin(lab):
    return lab.origin()


def daemon_before(lab, origin, **settings):
    """A daemon whose only model `a` is the origin."""
    return lab.daemon({'a': origin.model(**settings)})


def say_ok(peer, seen):
    """Serves a connection; appends what was asked for to `seen`."""
    while request := peer.request():
        seen.append(request.target)
        if not peer.answer():
            return


# connecting


def test_connection_that_closes_and_no_new_one_in_time(lab, origin):
    """The limit of the wait for a head does not outlive the connection it was set for."""
    daemon = daemon_before(lab, origin, timeouts={'connect': 2, 'responseHeader': 1})
    first = daemon.open('GET', '/upstream/a/1')
    peer = origin.accept()
    assert peer.request().target == '/1' and peer.answer()
    assert first.finish().text == 'ok'
    origin.fill_queue()
    second = daemon.open('GET', '/upstream/a/2', timeout=patience(5))
    assert peer.request().target == '/2', 'not on the connection that is there'
    peer.close()
    answer = second.finish()
    assert answer.status == 502 and answer.complete, answer
    assert daemon.get('/health').status == 200


def test_slot_of_a_client_that_left_while_we_connect_is_free_at_once(lab, origin):
    daemon = daemon_before(lab, origin, concurrencyLimit=1)
    origin.fill_queue()
    leaving = daemon.open_chat('a')
    until(origin.connecting, what='the daemon to connect')
    leaving.close()
    retry = daemon.start_chat('a')
    origin.free_queue()
    origin.serve(lambda peer: say_ok(peer, []))
    assert retry.result().status == 200


def test_request_of_a_client_that_left_while_we_connect_is_not_sent(lab, origin):
    daemon = daemon_before(lab, origin)
    origin.fill_queue()
    leaving = daemon.open('GET', '/upstream/a/abandoned')
    until(origin.connecting, what='the daemon to connect')
    leaving.close()
    origin.free_queue()
    until(lambda: not origin.connecting(), patience(5), 'the connection to be made, or given up')
    seen = []
    origin.serve(lambda peer: say_ok(peer, seen))
    assert daemon.get('/upstream/a/wanted').text == 'ok'
    daemon.terminate()
    assert seen == ['/wanted']


# sending


def post(daemon, size):
    return daemon.post('/upstream/a/x', b'x' * size, timeout=patience(4))


@pytest.mark.parametrize('ends', [False, True])
@pytest.mark.parametrize('size', [KEPT_IN_MEMORY, KEPT_IN_A_FILE])
def test_answer_before_the_body_was_taken(lab, origin, size, ends):
    daemon = daemon_before(lab, origin)
    answer = lab.background(post, daemon, size)
    peer = origin.accept()
    assert peer.request(with_body=False).header('Content-Length') == str(size)
    peer.send(b'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig')
    if ends:
        peer.end_sending()
    answer = answer.result()
    assert (answer.status, answer.text, answer.complete) == (413, 'big', True)


def test_early_answer_leaves_no_half_sent_connection_behind(lab, origin):
    """Without `Connection: close` the rest of the body would be taken for the next request."""
    daemon = daemon_before(lab, origin)
    answer = lab.background(post, daemon, KEPT_IN_MEMORY)
    peer = origin.accept()
    peer.request(with_body=False)
    peer.answer(b'early')
    assert answer.result().text == 'early'
    seen = []
    origin.serve(lambda other: say_ok(other, seen))
    assert daemon.get('/upstream/a/next').text == 'ok' and seen == ['/next']


@pytest.mark.parametrize('size', [13, KEPT_IN_MEMORY, KEPT_IN_A_FILE])
def test_deaf_server(lab, origin, size):
    """timeouts.responseHeader ends it, however much of the request it has taken."""
    daemon = daemon_before(lab, origin, timeouts={'responseHeader': 1})
    answer = post(daemon, size)
    assert answer.status == 502 and answer.took > 0.9, answer


@pytest.mark.parametrize('size', [KEPT_IN_MEMORY, KEPT_IN_A_FILE])
def test_slow_but_steady_reader_is_not_deaf(lab, origin, size):
    """timeouts.responseHeader is not a limit of the upload."""
    daemon = daemon_before(lab, origin, timeouts={'responseHeader': 1})
    answer = lab.background(post, daemon, size)
    peer = origin.accept()
    watch = Stopwatch()
    while watch.seconds < 1.5:
        assert peer.fill(32768)
        time.sleep(0.005)
    assert peer.request().body == b'x' * size
    peer.answer()
    assert answer.result().status == 200


# answers: what goes beyond their end


def test_leftovers_are_not_the_next_answer(lab, origin):
    daemon = daemon_before(lab, origin)
    peers = []

    def serve(peer):
        while request := peer.request():
            peers.append(peer)
            peer.answer(request.target.encode())

    origin.serve(serve)
    with daemon.wire() as w:
        for n in range(30):
            w.send(wire.get('/upstream/a/first-%d' % n))
            assert w.reply().text == '/first-%d' % n
            peers[-1].send(whole(b'nobody asked'))
            w.send(wire.get('/upstream/a/second-%d' % n))
            assert w.reply().text == '/second-%d' % n


# answers: chunks


def chunked(lab, origin, body, step=None, closes=False):
    """What a client gets, raw, behind the head of the first of two answers, when `body` is the body of that."""
    daemon = daemon_before(lab, origin)

    def serve(peer):
        while request := peer.request():
            if request.target != '/odd':
                peer.answer(b'next')
                continue
            peer.send(CHUNKED)
            peer.send(body, step)
            if closes:
                return

    origin.serve(serve)
    request = wire.get('/upstream/a/odd', ['TE: trailers'])
    said = daemon.talk(request + wire.get('/upstream/a/next', ['Connection: close']), timeout=patience(3))
    assert daemon.get('/upstream/a/next').text == 'next'
    head, body = said.split(b'\r\n\r\n', 1)
    assert head.startswith(b'HTTP/1.1 200 ') and b'\r\ntransfer-encoding: chunked' in head.lower()
    return body


def assert_next_answer(said):
    assert said.startswith(b'HTTP/1.1 200 ') and said.endswith(b'\r\n\r\nnext'), said


HELLO = b'5\r\nhello\r\n0\r\n\r\n'
CHUNKS = {
    'bare line feeds': (b'5 \nhello\n0\n\n', HELLO),
    'a blank after the size': (b'5 \r\nhello\r\n0\r\n\r\n', HELLO),
    'a trailer that is none': (b'5\r\nhello\r\n0\r\nthis is no field\r\n\r\n', HELLO),
    'one and a real one': (
        b'5\r\nhello\r\n0\r\nthis is no field\r\nX-Sum: 42\r\n\r\n',
        b'5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n',
    ),
    'a real one': (b'5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n', b'5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n'),
    'as it should be': (HELLO, HELLO),
}


@pytest.mark.parametrize('step', [None, 1])
@pytest.mark.parametrize('name', CHUNKS)
def test_careless_chunks_arrive_in_good_order(lab, origin, name, step):
    sent, wanted = CHUNKS[name]
    body = chunked(lab, origin, sent, step)
    assert body[: len(wanted)] == wanted
    assert_next_answer(body[len(wanted) :])


@pytest.mark.parametrize('tail', [b'0\r\nFoo: b', b'0\r\nFoo: b\r', b'0\r\nFoo', b'0', b'0\r', b'', b'5\r\nhel'])
def test_cut_chunks_are_not_completed(lab, origin, tail):
    body = chunked(lab, origin, b'5\r\nhello\r\n' + tail, closes=True)
    assert body.startswith(b'5\r\nhello') and not body.endswith(b'\r\n\r\n')
    assert b'HTTP/1.1' not in body, 'the next request was answered on the same connection'


@pytest.mark.parametrize('tail', [b'0\r\n', b'0\r\n\r', b'0\n'])
def test_only_the_last_line_end_is_missing(lab, origin, tail):
    body = chunked(lab, origin, b'5\r\nhello\r\n' + tail, closes=True)
    assert body[: len(HELLO)] == HELLO
    assert_next_answer(body[len(HELLO) :])


# answers: informational ones

HINT = b'HTTP/1.1 103 Early Hints\r\nLink: </%s>\r\n\r\n' % (b'x' * 1000)


def test_many_informational_answers(lab, origin):
    daemon = daemon_before(lab, origin)
    daemon.get('/health')
    memory = daemon.memory_kib()
    with daemon.wire(patience(5)) as w:
        w.send(wire.get('/upstream/a/x'))
        answer = lab.background(w.reply)
        peer = origin.accept()
        peer.request()
        peer.send(HINT * 200 + whole(b'ok'))
        reply = answer.result()
    assert (reply.status, reply.body) == (200, b'ok') or reply.status == 502
    assert daemon.memory_kib() < memory + 8 * 1024


def test_endless_informational_answers(lab, origin):
    daemon = daemon_before(lab, origin)
    daemon.get('/health')
    memory = daemon.memory_kib()
    with daemon.wire(patience(5)) as w:
        w.send(wire.get('/upstream/a/x'))
        answer = lab.background(w.reply)
        peer = origin.accept()
        peer.request()
        left = 20_000
        while left and peer.send(HINT * 100):
            left -= 100
        peer.answer()
        assert answer.result().status == 502
    assert left, 'the daemon takes them for ever'
    assert daemon.memory_kib() < memory + 8 * 1024
