"""Markdown: medians over rounds, ratios within rounds, and the machine they were measured on."""
import datetime
import os
import platform
import statistics
import subprocess
import sys


def median(values):
    return statistics.median(values) if values else None


def number(value):
    """Three figures or the whole number."""
    if value is None:
        return '-'
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return '{:,.{}f}'.format(value, digits)


def spread(values):
    """median (min-max)"""
    if not values:
        return '-'
    return '%s (%s-%s)' % (number(median(values)), number(min(values)), number(max(values)))


def ratio(mine, base):
    """Median of the ratios within a round. mine, base: {round: value}."""
    ratios = [mine[r] / base[r] for r in mine if r in base and base[r]]
    return '%.2f' % median(ratios) if ratios else '-'


def table(titles, rows):
    lines = ['| %s |' % ' | '.join(titles), '|%s' % ('---|' * len(titles))]
    return '\n'.join(lines + ['| %s |' % ' | '.join(row) for row in rows]) + '\n'


def _cpu_model():
    with open('/proc/cpuinfo') as f:
        for line in f:
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.machine()


def _revision(root):
    done = subprocess.run(['git', '-C', root, 'rev-parse', '--short', 'HEAD'],
                          capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'


def machine(root, versions):
    """What a reader needs to judge the numbers. versions: lines about the compared programs."""
    lines = ['%s, %d cores, Linux %s' % (_cpu_model(), os.cpu_count(), platform.release()),
             'load average before: %s' % ' '.join('%.2f' % x for x in os.getloadavg()),
             'source: ' + _revision(root)] + versions
    lines.append('command: `%s`' % ' '.join([os.path.relpath(sys.argv[0], root)] + sys.argv[1:]))
    lines.append('date: ' + datetime.date.today().isoformat())
    return ''.join('- %s\n' % line for line in lines)
