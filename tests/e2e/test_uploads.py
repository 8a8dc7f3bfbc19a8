"""Many large uploads at the same time: bounded memory, nothing left behind, every byte arrives."""

import concurrent.futures
import hashlib
import http.client
import http.server
import os
import random
import threading

import pytest

from harness import procs

UPLOADS = int(os.environ.get('UPLOADS', '6'))
UPLOAD_MIB = int(os.environ.get('UPLOAD_MIB', '40'))
MIB = 1 << 20
BODY_MEMORY_MIB = 64
BOUNDARY = 'frontier'


class Digest(http.server.BaseHTTPRequestHandler):
    """Answers with the digest of the body."""

    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        left = int(self.headers['Content-Length'])
        digest = hashlib.md5()
        while left:
            piece = self.rfile.read(min(left, MIB))
            assert piece
            digest.update(piece)
            left -= len(piece)
        answer = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def digest_port(lab):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Digest)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def pieces(number):
    """A multipart body, as its pieces: none alike, cheap to make."""
    yield (
        '--%s\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        'Content-Type: audio/wav\r\n\r\n' % BOUNDARY
    ).encode()
    block = random.Random(number).randbytes(MIB)
    for i in range(UPLOAD_MIB):
        yield block[i:] + block[:i]
    yield (
        '\r\n--%s\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--%s--\r\n' % (BOUNDARY, BOUNDARY)
    ).encode()


def upload(port, number, chunked):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=300)
    headers = {'Content-Type': 'multipart/form-data; boundary=' + BOUNDARY}
    if not chunked:
        headers['Content-Length'] = str(sum(len(p) for p in pieces(number)))
    digest = hashlib.md5()

    def body():
        for piece in pieces(number):
            digest.update(piece)
            yield piece

    connection.request('POST', '/v1/audio/transcriptions', body(), headers, encode_chunked=chunked)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, digest.hexdigest()


def test_parallel_uploads(lab, digest_port):
    spool = lab.folder / 'spool'
    spool.mkdir()
    model = {'cmd': 'sleep infinity', 'checkEndpoint': 'none', 'proxy': 'http://127.0.0.1:%d' % digest_port}
    model['concurrencyLimit'] = UPLOADS
    daemon = lab.daemon({'a': model}, env={'TMPDIR': str(spool)}, bodyMemory='%dMiB' % BODY_MEMORY_MIB)
    with concurrent.futures.ThreadPoolExecutor(UPLOADS) as threads:
        for status, text, digest in threads.map(lambda n: upload(daemon.port, n, n % 2 == 1), range(UPLOADS)):
            assert status == 200 and text == digest
    peak = procs.peak_memory_kib(daemon.pid) // 1024
    assert peak < BODY_MEMORY_MIB + 48, 'took %d MiB' % peak
    assert list(spool.iterdir()) == []
    assert daemon.descriptors() < 64
