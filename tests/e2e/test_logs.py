"""/logs and /logs/stream: history, live output, slow readers."""

import re

import pytest

from harness.waiting import Stopwatch, patience, until

KIB = 1024


def streamed(daemon, source, text, query=''):
    """Read a log stream until `text` has come; everything that came."""
    stream = daemon.open('GET', '/logs/stream' + source + query)
    answer = stream.read_until(text)
    stream.close()
    return answer


def test_sources_are_kept_apart(lab):
    together = {'g': {'swap': False, 'members': ['a', 'b']}}
    models = {'a': '--print from-a', 'b': '--print-err from-b'}
    daemon = lab.daemon(models, groups=together, logLevel='info')  # commands are logged at debug level
    daemon.served_by('a'), daemon.served_by('b')
    assert 'from-a' not in daemon.log() and '[INFO]' in daemon.log()
    assert streamed(daemon, '/a', 'from-a\n').text == 'from-a\n'
    assert streamed(daemon, '/b', 'from-b\n').text == 'from-b\n'
    assert streamed(daemon, '/upstream', 'from-b\n').text == 'from-a\nfrom-b\n'
    assert 'from-a' not in streamed(daemon, '/proxy', 'Health check passed').text
    assert 'Health check passed' in streamed(daemon, '', 'Health check passed').text


def test_head_comes_at_once(lab):
    daemon = lab.daemon({'a': ''})
    stream = daemon.open('GET', '/logs/stream/a', timeout=patience(2))
    head = stream.head()
    assert head.status == 200 and head.headers['content-type'].startswith('text/plain')
    assert head.headers['x-accel-buffering'] == 'no' and head.headers['x-content-type-options'] == 'nosniff'


def test_live_output(lab):
    daemon = lab.daemon({'a': '--talk 20ms'})
    stream = daemon.open('GET', '/logs/stream/a')
    stream.head()
    daemon.served_by('a')
    stream.read_until('talk 5\n')


def test_no_history(lab):
    daemon = lab.daemon({'a': '--print old --talk 50ms'})
    daemon.served_by('a')
    assert 'old' not in streamed(daemon, '/a', 'talk', '?no-history').text
    assert 'old' in streamed(daemon, '/a', 'talk').text


def test_history_is_the_last_hundred_kib(lab):
    daemon = lab.daemon({'a': '--flood 1MiB --print-err first'})
    daemon.served_by('a')
    last = b'%015d\n' % 65535
    streamed(daemon, '/a', last)
    text = streamed(daemon, '/a', last).body
    assert len(text) == 100 * KIB and text.endswith(last)


@pytest.mark.parametrize(
    'target, has_proxy, has_upstream',
    [('proxy', True, False), ('upstream', False, True), ('both', True, True), ('none', False, False)],
)
def test_what_goes_to_stdout(lab, target, has_proxy, has_upstream):
    daemon = lab.daemon({'a': '--print marker'}, logToStdout=target, logLevel='info')
    daemon.served_by('a')
    streamed(daemon, '/upstream', 'marker')
    # Standard output is written by a thread of its own, a moment later.
    due = ['Health check passed'] * has_proxy + ['marker'] * has_upstream
    until(lambda: all(text in daemon.output() for text in due), patience(2))
    for text in (daemon.log(), daemon.output()):
        assert ('Health check passed' in text) == has_proxy and ('marker' in text) == has_upstream
    assert 'Health check passed' in streamed(daemon, '/proxy', 'passed').text


def test_unknown_source(lab):
    daemon = lab.daemon({'a': ''})
    answer = daemon.get('/logs/stream/nobody')
    assert answer.status == 400 and answer.message == "invalid logger. Use 'proxy', 'upstream' or a model's ID"


def test_browsers_are_sent_to_the_console(lab):
    daemon = lab.daemon({})
    answer = daemon.get('/logs', headers={'Accept': 'text/html'})
    assert answer.status == 302 and answer.headers['location'] == '/ui/'


def test_reader_that_does_not_read_loses_bytes_and_is_told(lab):
    """It slows down nobody, costs no memory, and learns how much it missed."""
    daemon = lab.daemon({'a': '--flood 32MiB --talk 50ms'})
    stream = daemon.open('GET', '/logs/stream/upstream')
    stream.head()
    before = daemon.memory_kib()
    watch = Stopwatch()
    daemon.served_by('a')
    assert watch.seconds < patience(3)
    assert daemon.memory_kib() < before + 8 * KIB
    text = stream.read_until('talk 40\n', 60).text
    missed = [int(n) for n in re.findall(r'\n— (\d+) bytes dropped —\n', text)]
    assert missed and sum(missed) > 8 * KIB * KIB
    assert len(text) < 24 * KIB * KIB


def test_slow_reader_holds_up_nobody(lab):
    daemon = lab.daemon({'a': '--talk 1ms', 'b': ''}, groups={'g': {'swap': False, 'members': ['a', 'b']}})
    stream = daemon.open('GET', '/logs/stream')
    stream.head()
    daemon.served_by('a')
    for _ in range(10):
        assert daemon.chat('b').took < patience(0.2)


@pytest.mark.parametrize(
    'form, sample',
    [
        ('rfc3339', r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)'),
        ('KITCHEN ', r'\d{1,2}:\d\d[AP]M'),
        ('stampmilli', r'[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3}'),
    ],
)
def test_time_stamps(lab, form, sample):
    daemon = lab.daemon({}, logTimeFormat=form)
    assert re.match(sample + r' \[INFO\] ', daemon.log().splitlines()[-1])


def test_levels(lab):
    daemon = lab.daemon({'a': ''}, logLevel='WARN')
    daemon.served_by('a')
    assert '[INFO]' not in daemon.log() and '[DEBUG]' not in daemon.log()
