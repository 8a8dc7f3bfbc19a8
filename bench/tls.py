#!/usr/bin/env python3
"""Compares llama-swap with nginx where the client speaks TLS 1.3: over HTTP/1.1 and over HTTP/2.

Rounds as in run.py; the load is h2load (Debian: nghttp2-client), the cipher the same for both.
README.md says how to read the tables. Exit status 1 if an answer was wrong or missing.
"""
import argparse
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import client
import procfs
import proxies
import report
from run import MODEL, Usage

CIPHER = 'TLS_AES_128_GCM_SHA256'
CONNECTIONS = 16
PROTOCOLS = {'HTTP/1.1': ['--h1'], 'HTTP/2, 8 streams a connection': ['-m', '8']}


def certificate(directory):
    key, chain = os.path.join(directory, 'key.pem'), os.path.join(directory, 'cert.pem')
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
         '-keyout', key, '-out', chain, '-days', '2', '-subj', '/CN=localhost',
         '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        check=True, capture_output=True)
    return key, chain


def nginx(directory, port, origin, key, chain):
    command = proxies.COMMANDS['nginx'](directory, port, origin)
    path = os.path.join(directory, 'nginx.conf')
    with open(path) as f:
        text = f.read()
    plain = 'listen 127.0.0.1:%d backlog=4096;' % port
    assert plain in text
    with open(path, 'w') as f:
        f.write(text.replace(plain, plain.replace('backlog', 'ssl http2 backlog') + (
            ' ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3;' % (chain, key))))
    return command


def llama_swap(name):
    def command(directory, port, origin, key, chain):
        plain = proxies.COMMANDS[name](directory, port, origin)
        return plain + ['--tls-cert-file', chain, '--tls-key-file', key]
    return command


COMMANDS = {'nginx': nginx}
for name in ('llama-swap', 'llama-swap-norecord'):
    COMMANDS[name] = llama_swap(name)


def first_answer(port, chain):
    context = ssl.create_default_context(cafile=chain)
    request = urllib.request.Request(
        'https://localhost:%d/v1/chat/completions' % port, json.dumps({'model': MODEL}).encode(),
        {'Content-Type': 'application/json'})

    def ask():
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                answer.read()
        except urllib.error.URLError as error:
            raise error.reason if isinstance(error.reason, ConnectionRefusedError) else error
    client.retry(port, ask)


def load(port, body, options, requests):
    """h2load's count of good answers, and its rate."""
    done = subprocess.run(
        ['h2load', *options, '-n', str(requests), '-c', str(CONNECTIONS), '-d', body,
         '-H', 'Content-Type: application/json', '--tls13-ciphers=' + CIPHER,
         'https://127.0.0.1:%d/v1/chat/completions' % port],
        capture_output=True, text=True, timeout=120, check=True).stdout
    good = int(re.search(r'(\d+) 2xx', done)[1])
    rate = float(re.search(r'finished in .*?, ([\d.]+) req/s', done)[1])
    return good, rate


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--requests', type=int, default=12000)
    parser.add_argument('--programs', default=os.path.join(proxies.ROOT, 'build/release/bench'),
                        help='where origin is')
    options = parser.parse_args()
    missing = [p for p in ('nginx', 'h2load', 'openssl') if not shutil.which(p)]
    if missing:
        sys.exit('not installed: ' + ', '.join(missing))
    core = {max(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, core)
    directory = tempfile.mkdtemp(prefix='llama-swap-bench-')
    wrong = 0
    results = {protocol: {name: {'cpu': {}, 'rate': {}} for name in COMMANDS} for protocol in PROTOCOLS}
    try:
        key, chain = certificate(directory)
        body = os.path.join(directory, 'body.json')
        with open(body, 'w') as f:
            f.write(json.dumps({'model': MODEL, 'messages': [{'role': 'user', 'content': 'x' * 420}]}))
        origin = lambda port: [os.path.join(options.programs, 'origin'), '--port', str(port)]
        with proxies.running(origin, core) as upstream:
            client.retry(upstream.port, lambda: client.chat(upstream.port, MODEL))
            for number in range(options.rounds):
                for protocol, flags in PROTOCOLS.items():
                    for name in random.sample(list(COMMANDS), len(COMMANDS)):
                        command = lambda port: COMMANDS[name](directory, port, upstream.port, key, chain)
                        with proxies.running(command, core) as proxy:
                            first_answer(proxy.port, chain)
                            load(proxy.port, body, flags, options.requests // 8)
                            usage = Usage(proxy)
                            good, rate = load(proxy.port, body, flags, options.requests)
                            results[protocol][name]['cpu'][number] = usage.per(good)['cpu_us']
                            results[protocol][name]['rate'][number] = rate
                            wrong += options.requests - good
                print('round %d of %d' % (number + 1, options.rounds), file=sys.stderr)
    finally:
        shutil.rmtree(directory)
    versions = ['%s: %s' % (name, proxies.version(name)) for name in COMMANDS]
    print('## TLS, against nginx\n\n' + report.machine(proxies.ROOT, versions) +
          '- %s, %d connections, 0.5 KiB requests, %d a round; rounds: %d; everything on one core\n' %
          (CIPHER, CONNECTIONS, options.requests, options.rounds))
    for protocol, proxies_of in results.items():
        rows = []
        for name, columns in proxies_of.items():
            rows.append([name, report.spread(list(columns['cpu'].values())),
                         report.ratio(columns['cpu'], proxies_of['nginx']['cpu']),
                         report.number(report.median(list(columns['rate'].values())))])
        print('### %s\n\n' % protocol +
              report.table(['proxy', 'CPU us/request (min-max)', 'ratio', 'requests/s'], rows))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
