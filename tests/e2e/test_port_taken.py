"""A model's port that somebody else has."""

from harness.daemon import START_FAILED
from harness.waiting import patience


def test_names_the_holder(lab):
    config = lab.config({'a': ''})
    holder = lab.start(lab.fake('holder', port=config['startPort']), wait_for_port=config['startPort'])
    daemon = lab.daemon(config=config)
    answer = daemon.chat('a', 'echo')
    assert answer.status in START_FAILED and answer.took < patience(2), answer
    assert str(config['startPort']) in answer.message
    assert str(holder.pid) in answer.message or 'fake-model' in answer.message
    assert lab.starts('a') == 0, 'started although it cannot listen'
    assert holder.poll() is None


def test_works_once_the_port_is_free(lab):
    config = lab.config({'a': ''})
    holder = lab.start(lab.fake('holder', port=config['startPort']), wait_for_port=config['startPort'])
    daemon = lab.daemon(config=config)
    assert daemon.chat('a').status in START_FAILED
    holder.kill()
    holder.wait()
    daemon.served_by('a')
