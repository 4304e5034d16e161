# SPDX-License-Identifier: Apache-2.0
"""What the libraries show is what the public headers declare, both ways, and what the map names.

usage: symbols_test.py SHARED_LIBRARY ARCHIVE INCLUDE_DIR MAP [unittest arguments]
"""

import pathlib
import re
import subprocess
import sys
import unittest

SHARED, ARCHIVE, INCLUDE, MAP = (pathlib.Path(sys.argv.pop(1)) for _ in range(4))
VERSION = "NETMSG_0.1"


def symbols(*options):
    """The names that `nm` tells of, without what it says about each."""
    lines = subprocess.run(["nm", *options], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[2] for line in lines if len(line.split()) == 3}


def name_of(declaration):
    """A function's name stands before its arguments (in parentheses, if a macro has it too), a variable's at the end."""
    bare = re.sub(r"^(\w+)\((\w+)\)\(", r"\1 \2(", declaration)
    return (re.search(r"(\w+)\s*\(", bare) or re.search(r"(\w+)$", bare))[1]


def declared():
    """Each `extern` of the headers."""
    texts = (re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
             for header in INCLUDE.rglob("*.h"))
    return {name_of(declaration) for text in texts for declaration in re.findall(r'\bextern\s+(?!")([^;{]*);', text)}


class Symbols(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.shown = symbols("-D", "--defined-only", "--with-symbol-versions", SHARED) - {VERSION}
        self.names = {name.split("@")[0] for name in self.shown}

    def test_every_declared_name_can_be_linked(self):
        self.assertIn("mach_msg", declared())
        self.assertIn("mach_task_self", declared(), "a function that a macro hides")
        self.assertIn("name_server_port", declared(), "a variable")
        self.assertEqual(declared() - self.names, set())

    def test_every_name_is_declared_or_an_alias_of_one_that_is(self):
        aliases = {f"__{name}" for name in declared()}
        self.assertEqual(self.names - declared() - aliases, set())

    def test_every_name_has_the_version(self):
        self.assertEqual({name for name in self.shown if not name.endswith(f"@@{VERSION}")}, set())

    def test_the_map_names_nothing_that_is_not_there(self):
        self.assertEqual(set(re.findall(r"^ +(\w+);$", MAP.read_text(encoding="utf-8"), re.MULTILINE)), self.names)

    def test_the_archive_shows_the_same_and_no_internals(self):
        self.assertEqual(symbols("-g", "--defined-only", ARCHIVE), self.names)


if __name__ == "__main__":
    unittest.main()
