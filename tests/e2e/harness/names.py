"""Names for a daemon: it runs in a mount namespace of its own, with another /etc/hosts or name server."""

import shlex
import socket
import subprocess

UNSHARE = ['unshare', '--user', '--map-root-user', '--mount']


def possible():
    return subprocess.run([*UNSHARE, 'mount', '--bind', '/etc/hosts', '/etc/hosts'], capture_output=True).returncode == 0


def within(folder, hosts=(), resolver=None):
    """The start of a command, for Lab.daemon(). `hosts`: lines of /etc/hosts. `resolver`: the only name server."""
    files = {'hosts': '\n'.join(['127.0.0.1 localhost', *hosts]) + '\n'}
    if resolver:
        files['resolv.conf'] = 'nameserver %s\noptions timeout:30 attempts:2\n' % resolver
    script = ''
    for name, text in files.items():
        (folder / name).write_text(text)
        script += 'mount --bind %s /etc/%s && ' % (shlex.quote(str(folder / name)), name)
    return [*UNSHARE, 'sh', '-c', script + 'exec "$0" "$@"']


class SilentResolver:
    """A name server that never answers. Asking one takes minutes."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = '127.0.0.153'
        self.socket.bind((self.address, 53))
        self.socket.settimeout(10)

    def wait_for_question(self):
        return self.socket.recv(4096)

    def close(self):
        self.socket.close()
