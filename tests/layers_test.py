#!/usr/bin/env python3
"""The include check finds what it is there for."""
import pathlib
import tempfile
import unittest

import layers


class Layers(unittest.TestCase):
    def verdict(self, path, line):
        """The messages for a tree with one file of one line, after a harmless first one."""
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            (src / path).parent.mkdir(parents=True)
            (src / path).write_text(f"#include <vector>\n{line}\n")
            found = list(layers.offenders(src))
            self.assertTrue(all(number == 2 for _, number, _ in found))
            return [message for _, _, message in found]

    def test_table(self):
        cases = [
            ("down", "swap/actor.cc", '#include "sched/decide.h"', True),
            ("own folder", "sched/queue.cc", '#include "sched/decide.h"', True),
            ("below a folder", "net/http1/head.cc", '#include "net/socket.h"', True),
            ("system header", "util/time.cc", "#include <boost/asio.hpp>", True),
            ("test helper", "net/listener_test.cc", '#include "../tests/support/loop_thread.h"', True),
            ("test helper, in a fixture", "net/tls_fixture.h", '#include "../tests/support/tls.h"', True),
            ("test helper, not in a test", "net/listener.cc", '#include "../tests/support/loop_thread.h"', False),
            ("up", "sched/decide.cc", '#include "swap/actor.h"', False),
            ("up, from a leaf", "usage/meter.cc", '#include "net/byte_search.h"', False),
            ("up, with blanks", "sched/decide.cc", '  #  include "swap/actor.h"', False),
            ("up, in a test", "sched/decide_test.cc", '#include "net/socket.h"', False),
            ("sideways", "relay/relay.h", '#include "swap/actor.h"', False),
            ("past the facade", "server/routes.cc", '#include "process/launcher.h"', False),
            ("unknown folder", "util/time.cc", '#include "misc/time.h"', False),
            ("from an unknown folder", "misc/a.cc", '#include "util/time.h"', False),
            ("no folder", "util/time.cc", '#include "time.h"', False),
        ]
        for name, path, line, good in cases:
            with self.subTest(name):
                self.assertEqual(self.verdict(path, line) == [], good)

    def test_table_has_no_cycle(self):
        rest = dict(layers.ALLOWED)
        while rest:
            leaves = [f for f, below in rest.items() if not below & rest.keys()]
            self.assertTrue(leaves, f"a cycle among {sorted(rest)}")
            for folder in leaves:
                del rest[folder]


if __name__ == "__main__":
    unittest.main()
