"""Certificates made on the spot, a server that speaks TLS, a client that does, and a proxy on the way out."""

import http.client
import json
import select
import socket
import ssl
import subprocess
import threading

from .origin import Origin
from .waiting import patience


def openssl(*arguments):
    subprocess.run(['openssl', *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Issues certificates; `file` is its own."""

    def __init__(self, folder, name='ca'):
        self.folder = folder
        self.file = folder / (name + '.pem')
        self.key = folder / (name + '.key')
        new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
        self.new_key = new_key
        openssl('req', '-x509', *new_key, '-keyout', self.key, '-out', self.file, '-subj', '/CN=' + name, '-days', 2)

    def issue(self, name, *hosts, days=2):
        """(certificate, key), two files. `hosts` as OpenSSL spells them: DNS:x, IP:y. days=-1: it has expired."""
        certificate, key, request = (self.folder / (name + end) for end in ('.pem', '.key', '.csr'))
        names = 'subjectAltName=' + ','.join(hosts)
        openssl('req', '-new', *self.new_key, '-keyout', key, '-out', request, '-subj', '/CN=' + name, '-addext', names)
        signing = ['-CA', self.file, '-CAkey', self.key, '-CAcreateserial', '-copy_extensions', 'copy']
        openssl('x509', '-req', '-in', request, '-out', certificate, '-days', days, *signing)
        return certificate, key

    def client_context(self):
        return ssl.create_default_context(cafile=self.file)


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class TlsOrigin(Origin):
    """To be used with serve(): the handshake is in the thread of each connection."""

    def __init__(self, certificate, key):
        super().__init__()
        self.context = server_context(certificate, key)
        self.failures = 0

    def serve_one(self, function, peer):
        try:
            peer.socket = self.context.wrap_socket(peer.socket, server_side=True)
        except OSError:
            self.failures += 1
            peer.close()
            return
        Origin.serve_one(function, peer)


def end(peer):
    """close_notify, then the end."""
    try:
        peer.socket.unwrap()
    except OSError:
        pass


def connect(port, context, host='localhost'):
    """A TLS connection, shaken hands."""
    plain = socket.create_connection(('127.0.0.1', port), timeout=patience(10))
    return context.wrap_socket(plain, server_hostname=host)


class Client:
    """One connection that is kept alive."""

    def __init__(self, port, context):
        self.connection = http.client.HTTPSConnection('localhost', port, timeout=patience(10), context=context)

    def request(self, method, path, body=None, headers=None):
        if isinstance(body, dict):
            body, headers = json.dumps(body), dict(headers or {}, **{'Content-Type': 'application/json'})
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        answer.body = answer.read()
        return answer

    def close(self):
        self.connection.close()


class ForwardProxy:
    """An HTTP proxy that finds every host at 127.0.0.1, and remembers the heads of what it was asked."""

    def __init__(self, refuse=None):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.refuse = refuse  # the line of an answer
        self.heads = []
        threading.Thread(target=self.accept_all, daemon=True).start()

    def accept_all(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b''
        while b'\r\n\r\n' not in head:
            data = client.recv(65536)
            if not data:
                return client.close()
            head += data
        self.heads.append(head.split(b'\r\n\r\n')[0].decode('latin-1'))
        method, target, _ = self.heads[-1].split('\r\n')[0].split(' ')
        if self.refuse:
            client.sendall(b'HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n' % self.refuse.encode())
            return client.close()
        authority = target if method == 'CONNECT' else target.split('/')[2]
        server = socket.create_connection(('127.0.0.1', int(authority.rsplit(':', 1)[1])))
        if method == 'CONNECT':
            client.sendall(b'HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n')
        else:
            path = '/' + target.split('/', 3)[3]
            server.sendall(head.replace(target.encode(), path.encode(), 1))
        self.pump(client, server)

    @staticmethod
    def pump(client, server):
        other = {client: server, server: client}
        while True:
            for ready in select.select([client, server], [], [])[0]:
                try:
                    data = ready.recv(65536)
                    if data:
                        other[ready].sendall(data)
                        continue
                except OSError:
                    pass
                client.close()
                server.close()
                return

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
