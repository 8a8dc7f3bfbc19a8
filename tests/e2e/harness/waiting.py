"""Waiting with a deadline, and bounds that fit slow machines."""

import os
import time

SCALE = float(os.environ.get('E2E_TIME_SCALE', '3'))


def patience(seconds):
    """An upper bound for something that takes `seconds` on an idle machine."""
    return seconds * SCALE


def until(condition, timeout=None, what='it', every=0.01):
    """Poll until `condition()` is true and return its value; fail after `timeout` seconds."""
    limit = patience(5) if timeout is None else timeout
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('waited %.1f s for %s' % (limit, what() if callable(what) else what))
        time.sleep(every)


def stays(condition, seconds, what='it', every=0.05):
    """`condition()` must hold for all of that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), '%s did not last %.1f s' % (what, seconds)
        time.sleep(every)


class Stopwatch:
    def __init__(self):
        self.begin = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.begin
