"""Fixtures of the end-to-end tests: the real daemon, fake models (tests/fake_model), the official clients.

LLAMA_SWAP_BIN, FAKE_MODEL_BIN  the programs (default: build/release)
LLAMA_SWAP_DEMO_DIR             a real llama-server with models (default: the cache of scripts/fetch-demo-models)
E2E_TIME_SCALE                  how much slower than an idle machine this one may be (3)
KILL_CYCLES, SWAPS              the length of the long tests (12, 60)
UPLOADS, UPLOAD_MIB             how many large uploads at a time (6), and how large (40)
"""

import os
import pathlib

import pytest

from harness.daemon import daemon_program, fake_model_program
from harness.lab import Lab


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: takes more than ten seconds')
    config.addinivalue_line('markers', 'memory: bounds what the daemon holds, which a sanitizer multiplies')


@pytest.fixture
def fake_model():
    """The path of the program."""
    return fake_model_program() or pytest.fail('no fake-model: build it, or set FAKE_MODEL_BIN')


@pytest.fixture
def tools(tmp_path, fake_model):
    """A lab without the daemon."""
    laboratory = Lab(tmp_path)
    yield laboratory
    laboratory.close()


def need_daemon():
    if daemon_program() is None or fake_model_program() is None:
        pytest.fail('build llama-swap and fake-model, or set LLAMA_SWAP_BIN and FAKE_MODEL_BIN')


@pytest.fixture
def lab(tools):
    need_daemon()
    return tools


@pytest.fixture(scope='module')
def shared_lab(tmp_path_factory):
    """One lab for all tests of a file, for daemons that no test changes."""
    need_daemon()
    laboratory = Lab(tmp_path_factory.mktemp('shared'))
    yield laboratory
    laboratory.close()


@pytest.fixture
def demo():
    """The folder of a real llama-server and two models; the test is skipped where there is none."""
    cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache')
    folder = pathlib.Path(os.environ.get('LLAMA_SWAP_DEMO_DIR') or cache / 'llama-swap' / 'demo')
    missing = [name for name in ('llama-server', 'smol.gguf', 'gemma.gguf') if not (folder / name).exists()]
    if missing:
        pytest.skip('no real model server: %s lacks %s' % (folder, ', '.join(missing)))
    return folder
