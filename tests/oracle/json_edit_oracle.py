"""json_edit_oracle.py DRIVER [--cases N] [--seed S]

Makes random JSON documents and edits of them, has DRIVER (json_edit_driver.cc) carry the edits out, and checks the
result against the same rules (http-api 8.1) written down a second time here, on a tree:

* Python's json reads the same values from it, with numbers compared as they are spelled and duplicates kept;
* what no edit changed has the same bytes: names, values, and the white space and commas between neighbours.
"""

import argparse
import json
import random
import re
import subprocess
import sys

BATCH = 10000


# --- documents as trees that remember their bytes -------------------------------------------------------------------
class Item:
    """A member or an element. `place` is its number in the document, None if an edit added it."""

    __slots__ = ('gap', 'key', 'colon', 'node', 'place')

    def __init__(self, key, node, gap='', colon='', place=None):
        self.key, self.node, self.gap, self.colon, self.place = key, node, gap, colon, place


class Node:
    __slots__ = ('kind', 'raw', 'items', 'tail')

    def __init__(self, kind, raw, items=None, tail=''):
        self.kind, self.raw, self.items, self.tail = kind, raw, items, tail

    def render(self):
        """Compact, but for the spelling of scalars and keys."""
        if self.kind == 'object':
            return '{%s}' % ','.join('%s:%s' % (i.key, i.node.render()) for i in self.items)
        if self.kind == 'array':
            return '[%s]' % ','.join(i.node.render() for i in self.items)
        return self.raw


SPACE = re.compile(r'[ \t\r\n]*')
GAP = re.compile(r'[ \t\r\n]*,?[ \t\r\n]*')
COLON = re.compile(r'[ \t\r\n]*:[ \t\r\n]*')
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,:\[\]{}"]+')


def parse(text, at=0):
    """(the value that begins at `at`, where it ends)"""
    begin = at
    if text[at] not in '{[':
        end = SCALAR.match(text, at).end()
        return Node('scalar', text[at:end]), end
    kind, close = ('object', '}') if text[at] == '{' else ('array', ']')
    items = []
    at += 1
    while True:
        gap = GAP.match(text, at)
        at = gap.end()
        if text[at] == close:
            return Node(kind, text[begin : at + 1], items, gap.group()), at + 1
        key = colon = ''
        if kind == 'object':
            match = STRING.match(text, at)
            key, at = match.group(), match.end()
            match = COLON.match(text, at)
            colon, at = match.group(), match.end()
        node, at = parse(text, at)
        items.append(Item(key, node, gap.group(), colon, len(items)))


def fresh(text):
    """The tree of a value that an edit brings."""
    node = parse(text)[0]

    def forget(n):
        for item in n.items or ():
            item.place = None
            forget(item.node)
        n.raw = None if n.items is not None else n.raw

    forget(node)
    return node


# --- the rules -----------------------------------------------------------------------------------------------------
class Refused(Exception):
    pass


def steps(key):
    """[(name, is it only a name?)]"""
    out, name, plain = [], '', False
    at = 0
    if key[:1] == ':':
        plain, at = True, 1
    while at < len(key):
        c = key[at]
        if c == '.':
            out.append((name, plain))
            name, plain = '', False
            if key[at + 1 : at + 2] == ':':
                plain = True
                at += 1
        elif c == '\\':
            at += 1
            name += key[at : at + 1]
            plain = True
        else:
            name += c
        at += 1
    return out + [(name, plain)]


def index_of(step):
    name, plain = step
    return int(name) if not plain and re.fullmatch('[0-9]+', name) else None


def is_end(step):
    return step == ('-1', False)


def build(path, value):
    if not path:
        return fresh(value)
    index = index_of(path[0])
    if index is not None or is_end(path[0]):
        items = [Item('', Node('scalar', 'null')) for _ in range(index or 0)]
        return Node('array', None, items + [Item('', build(path[1:], value))])
    return Node('object', None, [Item(json.dumps(path[0][0]), build(path[1:], value))])


def lookup(node, step):
    """The item that a step leads to, or None."""
    if node.kind == 'object':
        return next((i for i in node.items if json.loads(i.key) == step[0]), None)
    index = len(node.items) - 1 if is_end(step) else index_of(step)
    return node.items[index] if index is not None and 0 <= index < len(node.items) else None


def set_value(node, path, value):
    """`node` with the value at the path."""
    if not path:
        return fresh(value)
    step, rest = path[0], path[1:]
    if node.kind == 'scalar':
        return Node('object', None, [Item(json.dumps(step[0]), build(rest, value))])
    node.raw = None
    index = index_of(step)
    if node.kind == 'array' and index is None and not is_end(step):
        raise Refused
    item = None if node.kind == 'array' and is_end(step) else lookup(node, step)
    if item:
        item.node = set_value(item.node, rest, value)
    elif node.kind == 'object':
        node.items.append(Item(json.dumps(step[0]), build(rest, value)))
    else:
        while index is not None and len(node.items) < index:
            node.items.append(Item('', Node('scalar', 'null')))
        node.items.append(Item('', build(rest, value)))
    return node


def remove(node, path):
    """True if anything was."""
    if node.kind == 'scalar':
        return False
    item = lookup(node, path[0])
    if not item:
        return False
    if len(path) > 1:
        changed = remove(item.node, path[1:])
    else:
        node.items.remove(item)
        changed = True
    if changed:
        node.raw = None
    return changed


# --- the comparison ------------------------------------------------------------------------------------------------
class Spelled(str):
    pass


def values(text):
    return json.loads(
        text, object_pairs_hook=lambda pairs: ('object', pairs), parse_int=Spelled, parse_float=Spelled
    )


def check_bytes(node, got):
    """`node` has been edited; `got` is what it has become, with its bytes."""
    if node.raw is not None:
        assert got.raw == node.raw, 'the bytes of a value: %r, not %r' % (got.raw, node.raw)
        return
    if node.kind == 'scalar':
        return
    before = None
    for item, now in zip(node.items, got.items):
        if item.place is None:
            continue
        assert now.key == item.key and now.colon == item.colon, 'the bytes of a name'
        check_bytes(item.node, now.node)
        if (before is None and item.place == 0) or (before is not None and item.place == before + 1):
            assert now.gap == item.gap, 'what is before an item: %r, not %r' % (now.gap, item.gap)
        before = item.place
    if before is not None:
        assert got.tail == node.tail, 'what is behind the last item: %r, not %r' % (got.tail, node.tail)


def check(document, edits, answer):
    lead = SPACE.match(document).end()
    blank = lead == len(document)
    tree, end = parse('{}') if blank else parse(document, lead)
    for number, (key, value) in enumerate(edits):
        try:
            if value is None:
                remove(tree, steps(key))
            else:
                set_value(tree, steps(key), value)
        except Refused:
            assert answer == number, 'edit %d is an error' % number
            return
    assert isinstance(answer, str), 'edit %r is no error' % answer
    if blank and not tree.items:
        assert answer == document, 'nothing out of nothing'
        return
    assert values(answer) == values(tree.render()), 'the values: expected %s' % tree.render()
    if blank:
        return
    got, got_end = parse(answer, lead)
    assert answer[:lead] == document[:lead] and answer[got_end:] == document[end:], 'what is around the document'
    check_bytes(tree, got)


# --- random cases --------------------------------------------------------------------------------------------------
NAMES = ['a', 'b', 'c', 'a', 'b', 'ab', '', '0', '1', '-1', '\u00e9', 'a.b', 'x"y', 'q\\r', 'model', '\U0001f989']
SPELLED = ['a', 'b', 'c', 'ab', '', '0', '1', '-1', '\u00e9', '\\u00e9', 'a.b', 'x\\"y', 'x\\u0022y', 'q\\\\r']
SPELLED += ['model', '\\u006dodel', '\\u0061', 'A', '\U0001f989', '\\ud83e\\udd89', 'a\\/b']
SCALARS = ['0', '-0', '1', '0.10', '1e3', '1E+05', '-12.50e-07', '123456789012345678901234567890', 'true', 'false']
SCALARS += ['null', '""', '"a"', '"}"', '"]{,"', '"\\""', '"\\\\"', '"\\u0041\\/"', '"\u00e9 \U0001f989"', '"a\\nb"']
SPACES = ['', '', '', '', '', ' ', '\n  ', '\t', ' \r\n ']
KEYS = [name.replace('\\', '\\\\').replace('.', '\\.') for name in NAMES]
KEYS += ['0', '1', '2', '3', '-1', '-1', ':0', ':-1']


def random_value(rng, depth, space):
    kind = rng.random() if depth > 0 else 0
    if kind < 0.45:
        return rng.choice(SCALARS)
    s = (lambda: rng.choice(SPACES)) if space else (lambda: '')
    pieces = []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4, 8))):
        value = s() + random_value(rng, depth - 1, space) + s()
        pieces.append(value if kind < 0.65 else '%s"%s"%s:%s' % (s(), rng.choice(SPELLED), s(), value))
    inside = ','.join(pieces) or s()
    return '[%s]' % inside if kind < 0.65 else '{%s}' % inside


def random_document(rng):
    if rng.random() < 0.02:
        return rng.choice(['', ' ', '\n\t '])
    while True:
        text = random_value(rng, 3, True)
        if text.startswith('{'):
            return rng.choice(SPACES) + text + rng.choice(SPACES)


def random_edit(rng):
    while True:
        key = '.'.join(rng.choice(KEYS) for _ in range(rng.choice((1, 1, 2, 2, 3, 4))))
        if key:
            return key, random_value(rng, 2, False) if rng.random() < 0.6 else None


def random_case(rng):
    return random_document(rng), [random_edit(rng) for _ in range(rng.choice((1, 1, 2, 3, 5, 8)))]


def run(driver, cases, rng):
    out = []
    for document, edits in cases:
        text = document.encode()
        out.append(b'%d %d %d\n%s' % (len(text), rng.choice((1, 2, 3, 7, 16, 1 << 20)), len(edits), text))
        for key, value in edits:
            key, text = key.encode(), (value or '').encode()
            word = b'remove' if value is None else b'set'
            out.append(b'%s %d %d\n%s%s' % (word, len(key), len(text), key, text))
    done = subprocess.run([driver], input=b''.join(out), stdout=subprocess.PIPE, check=True).stdout
    at = 0
    for _ in cases:
        line = done.index(b'\n', at)
        word, number = done[at:line].split()
        at = line + 1
        if word == b'ok':
            yield done[at : at + int(number)].decode()
            at += int(number)
        else:
            yield int(number)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('driver')
    parser.add_argument('--cases', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    left, refused = options.cases, 0
    while left > 0:
        cases = [random_case(rng) for _ in range(min(left, BATCH))]
        left -= len(cases)
        for (document, edits), answer in zip(cases, run(options.driver, cases, rng)):
            refused += not isinstance(answer, str)
            try:
                check(document, edits, answer)
            except Exception as error:
                print('document %r\nedits    %r\nanswer   %r' % (document, edits, answer))
                print('%s: %s' % (type(error).__name__, error))
                sys.exit(1)
    print('%d cases agree, %d of them errors' % (options.cases, refused))


if __name__ == '__main__':
    main()
