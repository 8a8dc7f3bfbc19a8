"""What /proc says about a tree of processes: members, CPU time, memory."""
import os
import time


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:  # it has just ended
        return ''


def _stat(path):
    """(name, fields from the state on) of a stat file, or None."""
    text = _read(path)
    if not text:
        return None
    name = text[text.index('(') + 1:text.rindex(')')]
    return name, text[text.rindex(')') + 2:].split()


def tree(root, without=()):
    """Process ids of `root` and all descendants, except programs named in `without`."""
    children, names = {}, {}
    for entry in os.listdir('/proc'):
        stat = _stat('/proc/%s/stat' % entry) if entry.isdigit() else None
        if stat:
            names[int(entry)] = stat[0]
            children.setdefault(int(stat[1][1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        if pid in names and names[pid] not in without:
            found.append(pid)
    return found


def start_time(pid):
    """Tells a process from a later one of the same pid. None: it is gone (or a zombie)."""
    stat = _stat('/proc/%d/stat' % pid)
    return stat[1][19] if stat and stat[1][0] != 'Z' else None


def cpu_ns(pids):
    """Exact time on a CPU: the sum, as in schedstat, of all threads, ended ones too."""
    total = 0
    for pid in pids:
        try:
            # The clock of a process, as clock_getcpuclockid(3) makes it on Linux.
            total += time.clock_gettime_ns(~pid << 3 | 2)
        except OSError:  # it has just ended
            pass
    return total


def user_and_system(pids):
    """Ticks in user and in system mode: good for their proportion only."""
    user = system = 0
    for pid in pids:
        stat = _stat('/proc/%d/stat' % pid)
        if stat:
            user += int(stat[1][11])
            system += int(stat[1][12])
    return user, system


def pss_mb(pids):
    """Proportional set size in MB (10^6 bytes): private pages and a share of shared ones."""
    kib = 0
    for pid in pids:
        for line in _read('/proc/%d/smaps_rollup' % pid).splitlines():
            if line.startswith('Pss:'):
                kib += int(line.split()[1])
    return kib * 1024 / 1e6
