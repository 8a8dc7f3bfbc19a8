"""Traces: what a collector is told, what model servers are told, and collectors that misbehave."""

import http.server
import json
import threading
import time

import pytest

from harness.daemon import CHAT
from harness.tls import Authority, server_context
from harness.waiting import Stopwatch, patience, until

PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
TRACE, SPAN = PARENT.split('-')[1:3]


class Collector:
    """Takes OTLP/HTTP in JSON. `statuses` are what it answers, in turn; the last one for ever. 'hang': nothing."""

    def __init__(self, *statuses, headers=None, context=None):
        self.statuses = list(statuses or [200])
        self.headers = headers or {}
        self.requests = []
        self.released = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                status = collector.statuses[min(len(collector.requests), len(collector.statuses) - 1)]
                collector.requests.append((status, self.path, dict(self.headers), json.loads(body)))
                if status == 'hang':
                    collector.released.wait()
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in collector.headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', '2')
                self.end_headers()
                self.wfile.write(b'{}')

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = '%s://127.0.0.1:%d/v1/traces' % ('https' if context else 'http', self.port)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self):
        """All that were accepted."""
        return [
            span
            for status, _, _, document in list(self.requests)
            if status == 200
            for resource in document['resourceSpans']
            for scope in resource['scopeSpans']
            for span in scope['spans']
        ]

    def server_span(self, path):
        """The SERVER span of a request to `path`, with its attributes as a dictionary; waits for it."""

        def found():
            return [s for s in self.spans() if s['kind'] == 2 and attributes(s)['url.path'] == path]

        until(found, patience(5), 'the span of ' + path)
        return found()[-1]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def attributes(span):
    return {a['key']: next(iter(a['value'].values())) for a in span['attributes']}


@pytest.fixture
def collector(lab):
    return lab.closing(Collector())


def tracing(collector, **more):
    return {'endpoint': collector.url, **more}


def test_spans_of_a_request(lab, collector):
    daemon = lab.daemon({'a': ''}, tracing=tracing(collector, headers={'X-Key': 'k-1'}, serviceName='gpu-7'))
    before = time.time_ns()
    echo = daemon.served_by('a', headers={'X-Request-ID': 'mine', 'traceparent': PARENT, 'tracestate': 'a=1, b=2'})
    span = collector.server_span(CHAT)
    assert span['traceId'] == TRACE and span['parentSpanId'] == SPAN and span['traceState'] == 'a=1, b=2'
    assert span['name'] == 'POST ' + CHAT and span['status'] == {'code': 0} and span['flags'] == 1
    got = attributes(span)
    assert got['http.response.status_code'] == '200' and got['gen_ai.request.model'] == 'a'
    assert got['llama_swap.request.id'] == 'mine' and got['gen_ai.operation.name'] == 'chat'
    assert before <= int(span['startTimeUnixNano']) < int(span['endTimeUnixNano']) <= time.time_ns()

    children = {s['name']: s for s in collector.spans() if s.get('parentSpanId') == span['spanId']}
    assert set(children) == {'queue', 'load', 'first_byte', 'stream'}
    assert all(s['traceId'] == TRACE and s['kind'] == 1 for s in children.values())
    assert int(children['load']['endTimeUnixNano']) <= int(children['first_byte']['startTimeUnixNano'])

    sent = {name.lower(): value for name, value in echo['headers']}
    assert sent['traceparent'] == '00-%s-%s-01' % (TRACE, span['spanId']), 'the model server is asked by our span'
    assert sent['tracestate'] == 'a=1, b=2'

    _, path, headers, document = collector.requests[0]
    assert path == '/v1/traces' and headers['X-Key'] == 'k-1' and headers['Content-Type'] == 'application/json'
    assert {'key': 'service.name', 'value': {'stringValue': 'gpu-7'}} in document['resourceSpans'][0]['resource'][
        'attributes'
    ]


def test_token_figures(lab, collector):
    daemon = lab.daemon({'a': ''}, tracing=tracing(collector), activity={'enabled': False})
    assert daemon.chat('a').status == 200
    got = attributes(collector.server_span(CHAT))
    assert int(got['gen_ai.usage.output_tokens']) > 0
    assert daemon.get('/api/metrics/activity').json.get('data', []) == [], 'traced, and not recorded'


def test_without_a_parent_or_with_a_bad_one(lab, collector):
    daemon = lab.daemon({'a': ''}, tracing=tracing(collector))
    for headers in ({}, {'traceparent': 'nonsense', 'tracestate': 'a=1'}, {'traceparent': PARENT.upper()}):
        echo = daemon.served_by('a', headers=headers)
        sent = [value for name, value in echo['headers'] if name.lower() == 'traceparent']
        assert len(sent) == 1 and sent[0] not in headers.values() and TRACE not in sent[0]
        assert 'tracestate' not in [name.lower() for name, _ in echo['headers']]
    until(lambda: len([s for s in collector.spans() if s['kind'] == 2 and 'parentSpanId' not in s]) >= 3, patience(5))


def test_the_parent_decides(lab, collector):
    daemon = lab.daemon({'a': ''}, tracing=tracing(collector, sample=0))
    echo = daemon.served_by('a')
    assert dict(echo['headers'])['traceparent'].endswith('-00')
    echo = daemon.served_by('a', headers={'traceparent': PARENT[:-1] + '0'})
    assert dict(echo['headers'])['traceparent'].startswith('00-' + TRACE)
    daemon.served_by('a', headers={'traceparent': PARENT})
    collector.server_span(CHAT)
    assert [s['traceId'] for s in collector.spans() if s['kind'] == 2] == [TRACE]


def test_untraced_headers_pass(lab):
    daemon = lab.daemon({'a': ''})
    echo = daemon.served_by('a', headers={'traceparent': PARENT, 'tracestate': 'a=1'})
    sent = {name.lower(): value for name, value in echo['headers']}
    assert sent['traceparent'] == PARENT and sent['tracestate'] == 'a=1'


def test_failures(lab, collector):
    daemon = lab.daemon({'a': ''}, tracing=tracing(collector))
    daemon.chat('a', 'die')
    span = collector.server_span(CHAT)
    assert span['status']['code'] == 2 and attributes(span)['error.type'] == '502'
    assert daemon.get('/nowhere').status == 404
    assert collector.server_span('/nowhere')['status'] == {'code': 0}


def test_what_a_model_server_says_of_an_error_is_not_told(lab, collector):
    origin = lab.origin()
    said = json.dumps({'error': {'message': 'cannot parse "my secret"'}}).encode()
    head = b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n'

    def serve(peer):
        while request := peer.request():
            failed = request.method == 'POST'
            body = said if failed else b'{}'
            peer.send(head % (b'500 No' if failed else b'200 OK', len(body)) + body)

    origin.serve(serve)
    daemon = lab.daemon({'a': origin.model()}, tracing=tracing(collector))
    assert daemon.chat('a').status == 500
    assert collector.server_span(CHAT)['status'] == {'code': 2}
    assert 'secret' not in json.dumps(collector.spans())
    until(lambda: 'my secret' in daemon.get('/api/metrics/activity').text, patience(3), 'the row')


def test_collector_that_is_busy(lab):
    collector = lab.closing(Collector(503, 429, 200, headers={'Retry-After': '0'}))
    daemon = lab.daemon({'a': ''}, tracing=tracing(collector))
    daemon.served_by('a')
    collector.server_span(CHAT)
    assert [status for status, _, _, _ in collector.requests][:3] == [503, 429, 200]
    daemon.wait_for_log('tracing: works again')
    assert daemon.log().count('cannot be delivered') == 1


def test_collector_that_refuses(lab):
    collector = lab.closing(Collector(401))
    daemon = lab.daemon({}, tracing=tracing(collector))
    daemon.get('/x')
    daemon.wait_for_log('spans were dropped')
    assert 'the answer is 401' in daemon.log()


@pytest.mark.parametrize('kind', ['hangs', 'away'])
def test_collector_that_does_not_answer(lab, kind):
    """Requests go on, memory is bounded, and the end comes in time."""
    collector = lab.closing(Collector('hang'))
    settings = tracing(collector, maxQueue=20)
    if kind == 'away':
        settings['endpoint'] = 'http://127.0.0.1:%d/v1/traces' % lab.port()
    daemon = lab.daemon({'a': ''}, tracing=settings)
    daemon.served_by('a')
    watch = Stopwatch()
    for _ in range(30):
        daemon.served_by('a')
    assert watch.seconds < patience(5)
    if kind == 'hangs':
        until(lambda: collector.requests, patience(5))
    watch = Stopwatch()
    assert daemon.terminate() == 0
    assert watch.seconds < patience(5)
    assert 'spans were dropped' in daemon.output()


def test_end_delivers_what_waits(lab, collector):
    daemon = lab.daemon({}, tracing=tracing(collector))
    daemon.get('/last')
    assert daemon.terminate() == 0
    assert [s for s in collector.spans() if attributes(s)['url.path'] == '/last']


def test_reload(lab, collector):
    config = lab.config({'a': ''})
    daemon = lab.daemon(config=config)
    daemon.get('/before')
    daemon.reload(dict(config, tracing=tracing(collector)))
    daemon.get('/traced')
    collector.server_span('/traced')
    daemon.reload(config)
    daemon.get('/after')
    assert daemon.terminate() == 0
    paths = {attributes(s)['url.path'] for s in collector.spans()}
    assert '/traced' in paths and not {'/before', '/after'} & paths


def test_a_collector_with_a_certificate_of_our_own(lab, tmp_path):
    authority = Authority(tmp_path)
    collector = lab.closing(Collector(context=server_context(*authority.issue('collector', 'IP:127.0.0.1'))))
    config = lab.config({}, tracing=tracing(collector))
    daemon = lab.daemon(config=config)
    daemon.get('/refused')
    until(lambda: 'TLS handshake' in daemon.get('/logs').text, patience(10), 'the refusal of the certificate in the log')
    assert not collector.requests
    daemon.reload(dict(config, tracing=tracing(collector, caFile=str(authority.file))))
    daemon.get('/trusted')
    collector.server_span('/trusted')


def test_health_checks_are_not_traced(lab, collector):
    daemon = lab.daemon({}, tracing=tracing(collector))
    daemon.get('/metrics')
    daemon.get('/x')
    collector.server_span('/x')
    assert '/metrics' not in {attributes(s)['url.path'] for s in collector.spans()}
