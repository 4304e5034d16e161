# SPDX-License-Identifier: Apache-2.0
"""Stubs of the form of 2022, which Debian's stub generator makes, must not compile with the headers (spec 07 section 2 and
case 4); those of the current form must, with the same flags.

usage: old_form_test.py MIG ROOT [unittest arguments]

gcc is asked whatever the tree is built with: it alone sees the packed structures, and the manual asks for it.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

MIG, ROOT = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
STUBS = ROOT / "tests" / "stubs"
INCLUDES = [f"-I{ROOT / 'proto' / 'include'}", f"-I{ROOT}"]
FLAGS = ["-std=gnu11", "-Wall", "-fsyntax-only"]
CURRENT = ["sample_user.c", "sample_server.c", "mach_port_user.c", "netname_stubs.c", "notify_server.c"]

# What gcc has to complain of: structures of the wrong alignment, or of the wrong size.
REASON = re.compile(r"error: .*(\[-Werror=packed-not-aligned\]|static assertion failed)")


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def compile_stub(source, folder):
    return run("gcc", *FLAGS, *INCLUDES, f"-I{folder}", source)


class OldForm(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def generate(self, definitions):
        """Both sides of the interface, in the form of the generator that is there."""
        path = pathlib.Path(self.folder.name)
        made = run(MIG, "-D__x86_64__", *INCLUDES, "-user", path / "user.c", "-server", path / "server.c", "-header",
                   path / "user.h", "-sheader", path / "server.h", STUBS / definitions)
        self.assertEqual(made.returncode, 0, made.stderr)
        return path

    def refused(self, definitions, side):
        folder = self.generate(definitions)
        compiled = compile_stub(folder / side, folder)
        self.assertNotEqual(compiled.returncode, 0, f"{side} of {definitions} compiles")
        self.assertRegex(compiled.stderr, REASON)

    def test_user_of_a_full_interface(self):
        self.refused("sample.defs", "user.c")

    def test_server_of_a_full_interface(self):
        self.refused("sample.defs", "server.c")

    def test_user_of_a_routine_without_arguments(self):
        self.refused("empty.defs", "user.c")

    def test_server_of_a_routine_without_arguments(self):
        self.refused("empty.defs", "server.c")


class CurrentForm(unittest.TestCase):
    def test_compiles(self):
        for name in CURRENT:
            with self.subTest(name):
                compiled = compile_stub(STUBS / name, STUBS)
                self.assertEqual((compiled.returncode, compiled.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
