"""Requests whose end two readers could see in different places: 400, and the connection is closed (RFC 9112).

Behind each stands a second request; it must be neither answered nor reach a model.
"""

import pytest

from harness import wire

BODY = b'{"model":"a"}'
SECOND = b'GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n'
POST = b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'

CASES = {
    # two lengths
    'length and chunks': POST
    + b'Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n'
    + BODY
    + b'\r\n0\r\n\r\n',
    'chunks and length': POST
    + b'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nd\r\n'
    + BODY
    + b'\r\n0\r\n\r\n',
    'differing lengths': POST + b'Content-Length: 13\r\nContent-Length: 14\r\n\r\n' + BODY,
    'list of lengths': POST + b'Content-Length: 13, 14\r\n\r\n' + BODY,
    # lengths that are none
    'length with a plus': POST + b'Content-Length: +13\r\n\r\n' + BODY,
    'negative length': POST + b'Content-Length: -1\r\n\r\n' + BODY,
    'hexadecimal length': POST + b'Content-Length: 0xd\r\n\r\n' + BODY,
    'length with a blank': POST + b'Content-Length: 1 3\r\n\r\n' + BODY,
    'empty length': POST + b'Content-Length:\r\n\r\n' + BODY,
    'length beyond all bounds': POST + b'Content-Length: 99999999999999999999999\r\n\r\n' + BODY,
    # codings
    'unknown coding': POST + b'Transfer-Encoding: gzip\r\n\r\n' + BODY,
    'chunked not last': POST + b'Transfer-Encoding: chunked, gzip\r\n\r\nd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'unknown before chunked': POST + b'Transfer-Encoding: gzip, chunked\r\n\r\nd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunked twice': POST + b'Transfer-Encoding: chunked, chunked\r\n\r\nd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunked twice in two lines': POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'coding that resembles chunked': POST + b'Transfer-Encoding: xchunked\r\n\r\nd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunked in quotes': POST + b'Transfer-Encoding: "chunked"\r\n\r\nd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunks from HTTP/1.0': CHUNKED.replace(b'HTTP/1.1', b'HTTP/1.0') + b'd\r\n' + BODY + b'\r\n0\r\n\r\n',
    # chunks
    'chunk size that is none': CHUNKED + b'G\r\n' + BODY + b'\r\n0\r\n\r\n',
    'negative chunk size': CHUNKED + b'-1\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunk size with prefix': CHUNKED + b'0xd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunk size after a blank': CHUNKED + b' d\r\n' + BODY + b'\r\n0\r\n\r\n',
    'empty chunk size': CHUNKED + b'\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunk size that overflows': CHUNKED + b'1000000000000000d\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunk longer than it says': CHUNKED + b'5\r\n' + BODY + b'\r\n0\r\n\r\n',
    'chunk line with bare LF': CHUNKED + b'd\n' + BODY + b'\r\n0\r\n\r\n',
    'chunk end with bare LF': CHUNKED + b'd\r\n' + BODY + b'\n0\r\n\r\n',
    # lines
    'folded header': b'GET /health HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n',
    'folded with a tab': b'GET /health HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\t2\r\n\r\n',
    'blank before the first header': b'GET /health HTTP/1.1\r\n Host: x\r\n\r\n',
    'bare LF': b'GET /health HTTP/1.1\nHost: x\n\n',
    'bare LF after one header': b'GET /health HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n',
    'bare CR in a value': b'GET /health HTTP/1.1\r\nHost: x\r\nX-A: 1\rX-B: 2\r\n\r\n',
    'NUL in a value': b'GET /health HTTP/1.1\r\nHost: x\r\nX-A: 1\x002\r\n\r\n',
    'blank before the colon': b'GET /health HTTP/1.1\r\nHost: x\r\nX-A : 1\r\n\r\n',
    'length with a blank before the colon': POST + b'Content-Length : 13\r\n\r\n' + BODY,
    'coding with a tab before the colon': POST + b'Transfer-Encoding\t: chunked\r\n\r\nd\r\n' + BODY + b'\r\n0\r\n\r\n',
    'header without a name': b'GET /health HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n',
    'header without a colon': b'GET /health HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n',
    'header name with a blank': b'GET /health HTTP/1.1\r\nHost: x\r\nX A: 1\r\n\r\n',
    # who is meant
    'no Host': b'GET /health HTTP/1.1\r\nX-A: 1\r\n\r\n',
    'two Hosts': b'GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
    # the first line
    'no version': b'GET /health\r\nHost: x\r\n\r\n',
    'unknown version': b'GET /health HTTP/9x\r\nHost: x\r\n\r\n',
    'blank in the target': b'GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n',
    'target without a slash': b'GET health HTTP/1.1\r\nHost: x\r\n\r\n',
    'asterisk that is no OPTIONS': b'GET * HTTP/1.1\r\nHost: x\r\n\r\n',
    'CONNECT': b'CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n',
    'CONNECT to a path': b'CONNECT /health HTTP/1.1\r\nHost: x\r\n\r\n',
    'method that is none': b'G@T /health HTTP/1.1\r\nHost: x\r\n\r\n',
    'NUL in the target': b'GET /hea\x00lth HTTP/1.1\r\nHost: x\r\n\r\n',
    'binary': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
}


@pytest.fixture(scope='module')
def target(shared_lab):
    daemon = shared_lab.daemon({'a': ''})
    daemon.served_by('a')
    return daemon


@pytest.mark.parametrize('name', CASES)
def test_refused_and_closed(target, name):
    before = len(target.lab.records('a', 'request'))
    said = target.talk(CASES[name] + SECOND, timeout=5)
    assert said.startswith(b'HTTP/1.1 400 '), said
    assert said.count(b'HTTP/1.1 ') == 1, 'the second request was answered: %r' % said
    assert len(target.lab.records('a', 'request')) == before, 'it reached the model'
    target.served_by('a')


@pytest.mark.parametrize(
    'head',
    [
        b'Content-Length: 13\r\n\r\n' + BODY,
        b'content-length:13\r\n\r\n' + BODY,
        b'Content-Length:   13\t\r\n\r\n' + BODY,
        b'transfer-encoding: Chunked\r\n\r\nd;name=value\r\n' + BODY + b'\r\n000\r\nX-Trailer: 1\r\n\r\n',
        b'X-Empty:\r\nX-Odd: \x80\xff\r\nContent-Length: 13\r\n\r\n' + BODY,
    ],
)
def test_odd_but_legal_is_served(target, head):
    with wire.Wire(target.port) as w:
        w.send(POST + b'X-Fake: echo\r\n' + head + SECOND)
        assert b'"tag":"a"' in w.reply().body
        assert b'"object":"list"' in w.reply().body
