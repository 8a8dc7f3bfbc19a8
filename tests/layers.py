#!/usr/bin/env python3
"""layers.py [SRC]

Checks that every `#include "folder/..."` below src/ points down the layers (docs/architecture.md), and prints each that
does not as file:line. Tests and their fixtures are held to the same rules as the code beside them, but may use the
helpers in tests/.
"""
import pathlib
import re
import sys

SHARED = {"util", "config", "observe", "net"}
# Folder -> the other folders whose headers it may include.
ALLOWED = {
    "util": set(),
    "usage": {"util"},
    "matrix": {"util"},
    "config": {"util", "matrix"},
    "observe": {"util", "config"},
    "net": {"util"},
    "monitor": {"util", "config", "observe"},
    "sched": {"util", "matrix", "config"},
    "process": SHARED,
    "relay": SHARED,
    "store": SHARED,
    "swap": SHARED | {"process", "sched"},
    "trace": {"util", "config", "net"},
    "server": SHARED | {"relay", "store", "swap", "trace", "usage"},
    "app": SHARED | {"monitor", "process", "sched", "relay", "store", "swap", "trace", "server", "usage"},
}
INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')
SUFFIXES = {".h", ".cc", ".c"}
TEST_HELPERS = "../tests/"


def offenders(src):
    """Yields (path, line number, message), in the order of the files."""
    for path in sorted(p for p in src.rglob("*") if p.suffix in SUFFIXES):
        folder = path.relative_to(src).parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            if path.stem.endswith(("_test", "_fixture")) and match[1].startswith(TEST_HELPERS):
                continue
            target, slash, _ = match[1].partition("/")
            if not slash:
                yield path, number, f'"{match[1]}": write the folder, "folder/file.h"'
            elif folder not in ALLOWED:
                yield path, number, f"{folder} is not in the table of layers"
            elif target != folder and target not in ALLOWED[folder]:
                yield path, number, f'"{match[1]}": {folder} may not include {target}'


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "src"
    src = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    found = list(offenders(src))
    for path, number, message in found:
        print(f"{path}:{number}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
