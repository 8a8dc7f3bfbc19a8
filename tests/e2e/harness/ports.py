"""Ports nobody else takes: below the range the kernel gives to outgoing connections, in blocks held by a file lock, so
that test runs beside each other do not meet."""

import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST, BLOCK = 18000, 32000, 20


def _free(port):
    for family, host in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((host, port))
        except OSError as e:
            if e.errno != 97:  # no IPv6 here
                return False
    return True


class PortBlock:
    """BLOCK ports in a row, from `first` on, ours until release()."""

    def __init__(self):
        folder = os.path.join(tempfile.gettempdir(), 'llama-swap-e2e-ports')
        os.makedirs(folder, exist_ok=True)
        starts = list(range(FIRST, LAST, BLOCK))
        random.SystemRandom().shuffle(starts)
        for first in starts:
            self.lock = open(os.path.join(folder, str(first)), 'w')
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.lock.close()
                continue
            if all(_free(p) for p in range(first, first + BLOCK)):
                self.first = first
                return
            self.lock.close()
        raise RuntimeError('no free block of ports')

    def release(self):
        self.lock.close()
