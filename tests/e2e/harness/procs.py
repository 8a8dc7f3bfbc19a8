"""Looking at processes through /proc."""

import os

MARK = 'E2E_MARK'


def read(pid, name):
    try:
        with open('/proc/%d/%s' % (pid, name), 'rb') as f:
            return f.read()
    except OSError:
        return b''


def stat(pid):
    """(state, parent, group, session) or None."""
    text = read(pid, 'stat')
    if not text:
        return None
    fields = text[text.rindex(b')') + 2 :].split()
    return fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3])


def alive(pid):
    s = stat(pid)
    return s is not None and s[0] not in 'ZX'


def pids():
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def marked(mark):
    """The living processes whose environment carries the mark."""
    entry = ('%s=%s' % (MARK, mark)).encode()
    return [p for p in pids() if entry in read(p, 'environ').split(b'\0') and alive(p)]


def shims(folder):
    """The shims of daemons that run in that folder. They carry no environment, but their own name."""
    found = []
    for p in pids():
        try:
            if command(p).startswith('llama-swap-shim') and os.readlink('/proc/%d/cwd' % p) == str(folder) and alive(p):
                found.append(p)
        except OSError:
            pass
    return found


def command(pid):
    return read(pid, 'cmdline').decode('utf-8', 'replace').replace('\0', ' ').strip()


def begins(pid, parents):
    """A child of one of them that has not executed its program yet."""
    s = stat(pid)
    return s is not None and s[1] in parents and command(pid) == command(s[1])


def describe(some):
    return ['%d %s: %s' % (p, stat(p), command(p)[:160]) for p in some]


def zombies_of(parent):
    found = []
    for p in pids():
        s = stat(p)
        if s and s[0] == 'Z' and s[1] == parent:
            found.append(p)
    return found


def memory_kib(pid):
    """Resident and not shared: what the process itself costs."""
    for line in read(pid, 'smaps_rollup').splitlines():
        if line.startswith(b'Pss:'):
            return int(line.split()[1])
    return 0


def peak_memory_kib(pid):
    """The most that was ever resident."""
    for line in read(pid, 'status').splitlines():
        if line.startswith(b'VmHWM:'):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    try:
        return len(os.listdir('/proc/%d/fd' % pid))
    except OSError:
        return 0


def cpu_seconds(pid):
    text = read(pid, 'stat')
    fields = text[text.rindex(b')') + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
