"""Disks that misbehave: requests do not notice, rows wait and are counted, and nothing that was taken is lost."""

import os
import resource
import sqlite3
import subprocess

import pytest
from harness.waiting import patience, until

def health(daemon):
    answer = daemon.get('/api/metrics/store')
    assert answer.status == 200, answer
    return answer.json


def total(daemon):
    return daemon.get('/api/metrics/activity?limit=1').json['total']


def ask(daemon, count):
    for i in range(count):
        answer = daemon.chat('a', headers={'X-Session-ID': 'session-%d-' % i + 200 * 's'})
        assert answer.status == 200 and answer.took < patience(1), answer


def check_file(path, rows):
    database = sqlite3.connect(path)
    assert database.execute('pragma integrity_check').fetchone() == ('ok',)
    assert database.execute('select count(*), min(id), max(id) from activity').fetchone() == (rows, 1, rows)
    assert database.execute('select sum(requests) from ls_day').fetchone() == (rows,)
    assert [row[0] for row in database.execute('select version_id from goose_db_version order by 1')] == [0, 1]
    columns = [row[1] for row in database.execute('pragma table_info(activity)')]
    assert columns[:4] == ['id', 'ts_created', 'model_id', 'req_path'] and len(columns) == 16
    database.close()


def test_full_disk(lab):
    path = str(lab.folder / 'activity.db')
    daemon = lab.daemon({'a': ''}, store={'path': path})
    ask(daemon, 1)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    sent = 1
    while health(daemon)['writing']:
        ask(daemon, 50)
        sent += 50
        assert sent < 20_000
    assert health(daemon)['fault'] and 'activity database: cannot write' in daemon.log()
    ask(daemon, 20)
    sent += 20
    sick = health(daemon)
    assert sick['stored'] + sick['waiting'] == sent and sick['dropped'] == 0
    assert total(daemon) == sick['stored'], 'what is there can be read'
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    daemon.wait_for_log('activity database: works again', timeout=patience(40))
    until(lambda: health(daemon)['waiting'] == 0)
    assert health(daemon) == {'writing': True, 'fault': '', 'waiting': 0, 'stored': sent, 'dropped': 0}
    assert daemon.terminate() == 0
    check_file(path, sent)


def test_exclusive_lock_of_another_program(lab):
    path = str(lab.folder / 'activity.db')
    daemon = lab.daemon({'a': ''}, store={'path': path})
    ask(daemon, 1)
    until(lambda: health(daemon)['stored'] == 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('begin exclusive')
    ask(daemon, 5)
    daemon.wait_for_log('activity database: cannot write', timeout=patience(10))
    ask(daemon, 5)
    sick = health(daemon)
    assert not sick['writing'] and 'locked' in sick['fault']
    assert (sick['waiting'], sick['stored'], sick['dropped']) == (10, 1, 0)
    other.execute('rollback')
    other.close()
    until(lambda: health(daemon)['stored'] == 11, patience(10))
    assert health(daemon)['writing'] and total(daemon) == 11
    assert daemon.terminate() == 0
    check_file(path, 11)


def test_directory_that_becomes_unusable(lab):
    """The file's folder moves away: what was open goes on, and a restart says what it lacks."""
    folder = lab.folder / 'data'
    folder.mkdir()
    config = lab.config({'a': ''}, store={'path': str(folder / 'activity.db')})
    daemon = lab.daemon(config=config)
    ask(daemon, 2)
    until(lambda: health(daemon)['stored'] == 2)
    away = lab.folder / 'away'
    folder.rename(away)
    ask(daemon, 2)
    until(lambda: health(daemon)['stored'] == 4, patience(10))
    assert daemon.terminate() == 0
    folder.write_text('no directory')
    daemon = lab.daemon(config=config, wait=False)
    assert daemon.wait_for_exit() == 1
    assert 'activity.db' in daemon.output()
    check_file(str(away / 'activity.db'), 4)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can take rights from the daemon and give them back')
def test_read_only_file(lab):
    """Another owner's file that may only be read: the daemon does not start with it, and leaves it as it was."""
    path = lab.folder / 'activity.db'
    database = sqlite3.connect(path)
    database.execute('create table t (i)')
    database.commit()
    database.close()
    path.chmod(0o444)
    before = path.read_bytes()
    # Without the capability to write everywhere, root is as anybody.
    probe = subprocess.run(['setpriv', '--bounding-set=-all', '--inh-caps=-all', 'true'], check=False)
    if probe.returncode != 0:
        pytest.skip('no setpriv that may drop capabilities')
    within = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
    daemon = lab.daemon(config=lab.config({'a': ''}, store={'path': str(path)}), wait=False, within=within)
    assert daemon.wait_for_exit() == 1
    assert 'is not writable' in daemon.output() and path.read_bytes() == before


def test_kill9_under_load(lab):
    """What was said to be stored is there; the file opens clean."""
    path = str(lab.folder / 'activity.db')
    config = lab.config({'a': ''}, store={'path': path})
    known = 0
    for _ in range(3):
        daemon = lab.daemon(config=config)
        ask(daemon, 30)
        until(lambda: health(daemon)['stored'] >= 1)
        known += health(daemon)['stored']
        ask(daemon, 3)
        daemon.kill()
        database = sqlite3.connect(path)
        (rows,) = database.execute('select count(*) from activity').fetchone()
        database.close()
        assert rows >= known
        check_file(path, rows)
        known = rows


def test_names_of_clients_do_not_grow_the_sums(lab):
    daemon = lab.daemon({'a': ''}, store={'path': str(lab.folder / 'activity.db')})
    for i in range(1005):
        assert daemon.chat('nobody-%d' % i).status == 404
    until(lambda: health(daemon)['stored'] == 1005)
    found = daemon.get('/api/metrics/activity?model=(unknown)').json
    assert found['total'] == 5
    assert found['data'][0]['metadata'] == {'requested': 'nobody-1004'}
    assert daemon.get('/api/metrics/activity?model=nobody-7').json['total'] == 1
