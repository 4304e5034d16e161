# SPDX-License-Identifier: Apache-2.0
"""deploy/make-certs.sh: what it makes is what a daemon needs, and it never overwrites.

usage: make_certs_test.py SCRIPT [unittest arguments]
"""

import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest

SCRIPT = sys.argv.pop(1)


class MakeCerts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.dir = pathlib.Path(self.folder.name) / "certs"

    def make(self, *requests):
        return subprocess.run([SCRIPT, self.dir, *requests], capture_output=True, text=True)

    def text(self, node):
        return subprocess.run(["openssl", "x509", "-in", self.dir / f"{node}.crt", "-noout", "-text"],
                              check=True, capture_output=True, text=True).stdout

    def node_id(self, node):
        return re.search(r"URI:netmsg:node:([0-9a-f]{32})\b", self.text(node))[1]

    def files(self):
        return {path.name: path.read_bytes() for path in self.dir.iterdir()} if self.dir.exists() else {}

    def test_a_host_has_its_node_id_and_all_its_names(self):
        self.assertEqual(self.make("a=a.example,localhost").returncode, 0)
        self.assertRegex(self.text("a"), r"URI:netmsg:node:[0-9a-f]{32}, DNS:a, DNS:a\.example, DNS:localhost\n")

    def test_hosts_have_different_ids_under_one_authority(self):
        self.make("a", "b")
        self.assertNotEqual(self.node_id("a"), self.node_id("b"))
        for purpose in ("sslserver", "sslclient"):
            verified = subprocess.run(["openssl", "verify", "-CAfile", self.dir / "ca.crt", "-purpose", purpose,
                                       self.dir / "a.crt", self.dir / "b.crt"], capture_output=True)
            self.assertEqual(verified.returncode, 0, verified.stderr)

    def test_a_later_host_is_signed_by_the_same_authority(self):
        self.make("a")
        authority = self.files()["ca.crt"]
        self.assertEqual(self.make("b").returncode, 0)
        self.assertEqual(self.files()["ca.crt"], authority)

    def test_keys_are_the_owners_alone(self):
        self.make("a")
        for key in ("a.key", "ca.key"):
            self.assertEqual(stat.S_IMODE((self.dir / key).stat().st_mode), 0o600)

    def test_an_existing_host_is_refused_and_nothing_is_made(self):
        self.make("a")
        before = self.files()
        refused = self.make("b", "a")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not overwritten", refused.stderr)
        self.assertEqual(self.files(), before)

    def test_what_is_no_host_name_is_refused(self):
        for request in ("../a", "a b", "-a", "a=b,../c", "a=b;c", "ca", "", "a=,b"):
            self.assertEqual(self.make(request).returncode, 1, request)
            self.assertEqual(self.files(), {}, request)


if __name__ == "__main__":
    unittest.main()
