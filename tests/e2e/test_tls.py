"""HTTPS on both sides: what clients get, certificates that change, upstreams that are to be trusted or not, proxies."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import tls
from harness.daemon import CHAT, daemon_program
from harness.origin import whole
from harness.waiting import patience, until

FOUR_MIB = 4 << 20


@pytest.fixture
def authority(lab):
    return tls.Authority(lab.folder)


class Secure:
    """A daemon that serves HTTPS."""

    def __init__(self, lab, authority, models=None, **settings):
        self.lab = lab
        self.context = authority.client_context()
        self.certificate, self.key = authority.issue('daemon', 'DNS:localhost')
        files = ('-tls-cert-file', str(self.certificate), '-tls-key-file', str(self.key))
        self.daemon = lab.daemon(models, arguments=files, wait=False, **settings)
        self.port = self.daemon.port
        until(self.is_up, patience(5), 'the daemon to listen')

    def is_up(self):
        try:
            return self.client().request('GET', '/health').status == 200
        except OSError:
            return False

    def client(self):
        return self.lab.closing(tls.Client(self.port, self.context))

    def connect(self):
        return self.lab.closing(tls.connect(self.port, self.context))

    def log(self):
        return self.client().request('GET', '/logs').body.decode()

    def wait_for_log(self, text, times=1):
        until(lambda: self.log().count(text) >= times, None, lambda: '%r in %s' % (text, self.log()))

    def shown(self):
        """The certificate that a new client is shown."""
        return ssl.DER_cert_to_PEM_cert(self.connect().getpeercert(binary_form=True))

    def use(self, certificate, key):
        """Puts other files in place of those the daemon was given."""
        os.replace(key, self.key)
        os.replace(certificate, self.certificate)


def chat(model, **more):
    return {'model': model, 'messages': [{'role': 'user', 'content': 'hi'}], **more}


def post_bytes(model, size, path=CHAT):
    """A chat request of that many bytes."""
    frame = json.dumps({'model': model, 'pad': ''})
    body = frame[:-2] + 'x' * (size - len(frame)) + frame[-2:]
    head = 'POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n'
    return (head % (path, size)).encode() + body.encode()


def until_end(connection):
    data = b''
    while True:
        more = connection.recv(65536)
        if not more:
            return data
        data += more


# ---------------------------------------------------------------- as a server


def test_requests_on_one_connection(lab, authority):
    secure = Secure(lab, authority, {'a': ''})
    assert 'listening with TLS on https://127.0.0.1:%d' % secure.port in secure.log()
    client = secure.client()
    for _ in range(3):
        assert client.request('GET', '/health').body == b'OK'
        answer = client.request('POST', CHAT, chat('a'), {'X-Fake': 'echo'})
        assert answer.status == 200 and json.loads(answer.body)['tag'] == 'a'
    used = client.connection.sock
    answer = client.request('POST', CHAT, chat('a', stream=True))
    assert answer.status == 200 and answer.body.rstrip().endswith(b'data: [DONE]')
    assert client.connection.sock is used


def test_curl(lab, authority):
    secure = Secure(lab, authority)
    command = ['curl', '-sS', '--cacert', str(authority.file), '-w', '%{http_version}']
    url = 'https://localhost:%d/health' % secure.port
    done = subprocess.run([*command, '--http1.1', url], capture_output=True, text=True, env=lab.environment())
    assert done.stdout == 'OK1.1', done
    done = subprocess.run([*command, '--tls-max', '1.2', url], capture_output=True, text=True, env=lab.environment())
    assert done.stdout.startswith('OK'), done
    wrong = url.replace('localhost', '127.0.0.1')
    done = subprocess.run([*command, wrong], capture_output=True, text=True, env=lab.environment())
    assert done.returncode == 60, done


def test_pieces_come_as_they_are_sent(lab, authority):
    origin = lab.origin()
    go_on = threading.Event()

    def serve(peer):
        peer.request()
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
        peer.send(b'9\r\ndata: 1\n\n\r\n')
        go_on.wait(patience(10))
        peer.send(b'9\r\ndata: 2\n\n\r\n0\r\n\r\n')

    origin.serve(serve)
    secure = Secure(lab, authority, {'a': origin.model()})
    connection = secure.connect()
    connection.sendall(post_bytes('a', 100))
    seen = b''
    while b'data: 1' not in seen:
        seen += connection.recv(65536)
    go_on.set()
    while b'0\r\n\r\n' not in seen:
        seen += connection.recv(65536)
    assert b'data: 2' in seen


def test_large_bodies_both_ways_and_on_both_sides(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'IP:127.0.0.1')))
    origin.serve(lambda peer: peer.send(whole(peer.request().body)))
    proxy = 'https://127.0.0.1:%d' % origin.port
    secure = Secure(lab, authority, {'a': origin.model(proxy=proxy, caFile=str(authority.file))})
    connection = secure.connect()
    request = post_bytes('a', FOUR_MIB)
    connection.sendall(request)
    seen = b''
    while len(seen.partition(b'\r\n\r\n')[2]) < FOUR_MIB:
        data = connection.recv(1 << 20)
        assert data, seen[:200]
        seen += data
    assert seen.partition(b'\r\n\r\n')[2] == request.partition(b'\r\n\r\n')[2]


def test_websocket(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'IP:127.0.0.1')))
    left = threading.Event()

    def serve(peer):
        peer.request()
        peer.send(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst')
        while peer.fill():
            peer.send(peer.take(len(peer.buffer)).upper())
        left.set()

    origin.serve(serve)
    proxy = 'https://127.0.0.1:%d' % origin.port
    secure = Secure(lab, authority, {'a': origin.model(proxy=proxy, caFile=str(authority.file))})
    connection = secure.connect()
    connection.sendall(
        b'GET /upstream/a/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
        b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    )
    seen = b''
    while not seen.endswith(b'first'):
        seen += connection.recv(65536)
    assert seen.startswith(b'HTTP/1.1 101 ')
    for text in (b'hello', b'x' * 100_000):
        connection.sendall(text)
        back = b''
        while len(back) < len(text):
            back += connection.recv(65536)
        assert back == text.upper()
    connection.close()
    assert left.wait(patience(5))


def test_leaving_while_waiting_is_noticed(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'IP:127.0.0.1')))
    asked, left = threading.Event(), threading.Event()

    def serve(peer):
        peer.request()
        asked.set()
        assert not peer.fill()
        left.set()

    origin.serve(serve)
    proxy = 'https://127.0.0.1:%d' % origin.port
    secure = Secure(lab, authority, {'a': origin.model(proxy=proxy, caFile=str(authority.file))})
    for leave in (lambda c: c.close(), lambda c: c.unwrap()):
        connection = secure.connect()
        connection.sendall(post_bytes('a', 100))
        assert asked.wait(patience(5))
        assert not left.wait(0.3)
        leaving = lab.background(leave, connection)
        assert left.wait(patience(5))
        leaving.result(patience(5))
        asked.clear()
        left.clear()


def test_plain_http_is_told(lab, authority):
    secure = Secure(lab, authority)
    answer = secure.daemon.talk(b'GET / HTTP/1.1\r\nHost: h\r\n\r\n')
    assert answer.startswith(b'HTTP/1.1 400 Bad Request\r\n')
    assert answer.endswith(b'\r\n\r\n400 Bad Request: Client sent an HTTP request to an HTTPS server.\n')


def test_slow_handshakes_hold_up_nobody(lab, authority):
    secure = Secure(lab, authority)
    slow = [lab.closing(socket.create_connection(('127.0.0.1', secure.port))) for _ in range(20)]
    for connection in slow[::2]:
        connection.sendall(b'\x16\x03\x01\x02')
    assert secure.client().request('GET', '/health').status == 200
    assert secure.daemon.terminate() == 0, 'and no shutdown'


def test_certificate_changes(lab, authority):
    secure = Secure(lab, authority)
    before = secure.shown()
    kept = secure.client()
    assert kept.request('GET', '/health').status == 200

    certificate, key = authority.issue('second', 'DNS:localhost')
    second = certificate.read_text()
    secure.use(certificate, key)
    until(lambda: secure.shown() != before, patience(5), 'the new certificate')
    assert secure.shown().strip() in second
    assert kept.request('GET', '/health').status == 200

    # A key that does not belong to it changes nothing, and is told.
    certificate, key = authority.issue('third', 'DNS:localhost')
    third = certificate.read_text()
    os.replace(certificate, secure.certificate)
    secure.wait_for_log('the TLS certificate stays as it is: key %s: it belongs to another certificate' % secure.key)
    assert secure.shown().strip() in second
    os.replace(key, secure.key)
    until(lambda: secure.shown().strip() in third, patience(5), 'the third certificate')

    told = secure.log().count('TLS certificate loaded, for localhost')
    secure.daemon.signal(signal.SIGHUP)
    secure.wait_for_log('TLS certificate loaded, for localhost', told + 1)


def test_unusable_files_end_the_start(lab, authority):
    certificate, _ = authority.issue('one', 'DNS:localhost')
    _, key = authority.issue('other', 'DNS:localhost')
    daemon = lab.daemon(arguments=('-tls-cert-file', str(certificate), '-tls-key-file', str(key)), wait=False)
    assert daemon.wait_for_exit() == 1
    assert 'http server error' in daemon.output() and 'belongs to another certificate' in daemon.output()


def test_default_port(lab, authority):
    certificate, key = authority.issue('one', 'DNS:localhost')
    (lab.folder / 'c.yaml').write_text('')
    files = ['-tls-cert-file', str(certificate), '-tls-key-file', str(key)]
    command = [daemon_program(), '-config', 'c.yaml', *files]
    process = lab.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    line = process.stdout.readline().decode()
    assert ':8443' in line  # where it listens, or that somebody else does


# ---------------------------------------------------------------- as a client


def peer(proxy, **settings):
    return {'p': {'proxy': proxy, 'models': ['m'], **settings}}


def echo(connection):
    while True:
        request = connection.request()
        if request is None:
            return
        connection.send(whole(json.dumps({'target': request.target, 'headers': request.headers}).encode()))


@pytest.mark.parametrize(
    'hosts, days, trusted, want',
    [
        (['IP:127.0.0.1'], 2, True, None),
        (['IP:127.0.0.1'], 2, False, 'the certificate is from an unknown issuer'),
        (['DNS:a.example', 'DNS:b.example'], 2, True, 'is not for 127.0.0.1 but for a.example, b.example'),
        (['IP:127.0.0.1'], -1, True, 'the certificate has expired (it was good until '),
    ],
)
def test_certificate_of_a_peer(lab, authority, hosts, days, trusted, want):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', *hosts, days=days)))
    origin.serve(echo)
    settings = {'caFile': str(authority.file)} if trusted else {}
    url = 'https://127.0.0.1:%d/base' % origin.port
    daemon = lab.daemon(peers=peer(url, **settings))
    answer = daemon.chat('m')
    if want is None:
        assert answer.status == 200 and answer.json['target'] == '/base' + CHAT
        assert daemon.chat('m').status == 200
        assert len(origin.peers) == 1  # kept alive
    else:
        assert answer.status == 502 and want in answer.text, answer
        assert 'TLS handshake with 127.0.0.1:%d: ' % origin.port in answer.text


def test_server_name_is_sent(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'DNS:localhost')))
    names = []
    origin.context.sni_callback = lambda connection, name, context: names.append(name)
    origin.serve(echo)
    daemon = lab.daemon(peers=peer('https://localhost:%d' % origin.port, caFile=str(authority.file)))
    assert daemon.chat('m').status == 200
    assert names == ['localhost']


def test_trust_comes_with_a_reload(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'IP:127.0.0.1')))
    origin.serve(echo)
    proxy = 'https://127.0.0.1:%d' % origin.port
    model = {'cmd': 'sleep infinity', 'proxy': proxy, 'checkEndpoint': 'none'}
    daemon = lab.daemon({'a': model}, peers=peer(proxy))
    assert daemon.chat('a').status == 502 and daemon.chat('m').status == 502
    log = 'starting a reason'
    starts = daemon.log().count(log)
    trust = {'caFile': str(authority.file)}
    daemon.reload(lab.config({'a': {**model, **trust}}, peers=peer(proxy, **trust)))
    assert daemon.chat('a').status == 200 and daemon.chat('m').status == 200
    assert daemon.log().count(log) == starts and 'configuration of a: policy changed' in daemon.log()


SERVER = '''#!/usr/bin/env python3
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
'''


def test_health_check_of_an_https_model(lab, authority):
    program = lab.script('server.py', SERVER)
    certificate, key = authority.issue('model', 'DNS:localhost')
    cmd = '%s ${PORT} %s %s' % (program, certificate, key)
    model = {'cmd': cmd, 'proxy': 'https://localhost:${PORT}', 'caFile': str(authority.file)}
    daemon = lab.daemon({'a': model})
    answer = daemon.get('/upstream/a/x')
    assert answer.status == 200 and answer.text == 'ok'
    assert 'Health check passed on https://localhost:' in daemon.log()


def test_an_answer_that_nobody_signed_is_broken_off(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'IP:127.0.0.1')))

    def serve(connection):
        request = connection.request()
        connection.send(b'HTTP/1.1 200 OK\r\n\r\nall of it')
        if 'signed' in request.target:
            tls.end(connection)

    origin.serve(serve)
    proxy = 'https://127.0.0.1:%d' % origin.port
    model = origin.model(proxy=proxy, caFile=str(authority.file))
    daemon = lab.daemon({'a': model})
    assert daemon.get('/upstream/a/signed').complete
    answer = daemon.get('/upstream/a/not')
    assert answer.text == 'all of it' and not answer.complete


def test_handshake_has_a_limit(lab):
    origin = lab.origin()  # takes the connection and says nothing
    url = 'https://127.0.0.1:%d' % origin.port
    daemon = lab.daemon(peers=peer(url, timeouts={'tlsHandshake': 1}))
    began = time.monotonic()
    answer = daemon.chat('m')
    assert answer.status == 502 and 'TLS handshake with 127.0.0.1:%d: timed out' % origin.port in answer.text
    assert 0.9 < time.monotonic() - began < patience(2)


# ---------------------------------------------------------------- outgoing proxies


def environment(proxy, **more):
    url = 'http://user:pass@127.0.0.1:%d' % proxy.port
    return {'HTTP_PROXY': url, 'HTTPS_PROXY': '', 'https_proxy': url, 'NO_PROXY': 'x.test', **more}


def test_https_through_a_proxy(lab, authority):
    origin = lab.closing(tls.TlsOrigin(*authority.issue('origin', 'DNS:far.test')))
    origin.serve(echo)
    proxy = lab.closing(tls.ForwardProxy())
    where = 'far.test:%d' % origin.port
    peers = peer('https://%s/base' % where, caFile=str(authority.file))
    daemon = lab.daemon(peers=peers, env=environment(proxy))
    for _ in range(2):
        answer = daemon.chat('m')
        assert answer.status == 200 and answer.json['target'] == '/base' + CHAT
        assert 'Proxy-Authorization' not in dict(answer.json['headers'])
    (head,) = proxy.heads
    assert head.split('\r\n')[0] == 'CONNECT %s HTTP/1.1' % where
    assert 'Proxy-Authorization: Basic dXNlcjpwYXNz' in head


def test_http_through_a_proxy(lab):
    origin = lab.origin()
    origin.serve(echo)
    proxy = lab.closing(tls.ForwardProxy())
    url = 'http://far.test:%d/base?k=v' % origin.port
    daemon = lab.daemon(peers=peer(url), env=environment(proxy))
    answer = daemon.chat('m')
    assert answer.status == 200 and answer.json['target'] == '/base' + CHAT + '?k=v'
    (head,) = proxy.heads
    assert head.split('\r\n')[0] == 'POST http://far.test:%d/base%s?k=v HTTP/1.1' % (origin.port, CHAT)
    assert 'Proxy-Authorization: Basic dXNlcjpwYXNz' in head and 'Host: far.test:%d' % origin.port in head


def test_not_through_a_proxy(lab):
    proxy = lab.closing(tls.ForwardProxy())
    origin = lab.origin()
    origin.serve(echo)
    daemon = lab.daemon({'a': ''}, peers=peer('http://localhost:%d' % origin.port), env=environment(proxy))
    assert daemon.chat('m').status == 200
    daemon.served_by('a')
    assert proxy.heads == []


@pytest.mark.parametrize(
    'refuse, named, want',
    [
        ('407 Proxy Authentication Required', None, 'it refuses: 407 Proxy Authentication Required'),
        (None, 'socks5://user:secret@127.0.0.1:1', 'HTTPS_PROXY does not name a proxy as http://host:port'),
    ],
)
def test_proxies_that_are_no_way(lab, refuse, named, want):
    proxy = lab.closing(tls.ForwardProxy(refuse))
    more = {'HTTPS_PROXY': named} if named else {}
    daemon = lab.daemon(peers=peer('https://far.test'), env=environment(proxy, **more))
    answer = daemon.chat('m')
    assert answer.status == 502 and want in answer.text and 'secret' not in answer.text, answer
