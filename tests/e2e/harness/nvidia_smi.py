"""An imitated nvidia-smi: one GPU, and processes on it that the test names."""

import ctypes
import os

SCRIPT = """#!/bin/sh
case "$*" in
*--loop*) while :; do echo '0, Card A, GPU-a, 61, 33, 1024, 24576, 45, 123.75'; sleep 1; done;;
*--query-compute-apps=pid,used_memory,gpu_uuid*) cat "$0.processes";;
*) exit 2;;
esac
"""


def has_nvml():
    """Then the daemon asks that about processes."""
    try:
        return bool(ctypes.CDLL('libnvidia-ml.so.1'))
    except OSError:
        return False


class NvidiaSmi:
    def __init__(self, folder):
        folder.mkdir()
        tool = folder / 'nvidia-smi'
        tool.write_text(SCRIPT)
        tool.chmod(0o755)
        self.env = {'PATH': '%s:%s' % (folder, os.environ['PATH'])}
        self.file = folder / 'nvidia-smi.processes'
        self.set([])

    def set(self, processes):
        """(pid, MiB or text) of each."""
        fresh = self.file.with_suffix('.new')
        fresh.write_text(''.join('%s, %s, GPU-a\n' % process for process in processes))
        os.replace(fresh, self.file)
