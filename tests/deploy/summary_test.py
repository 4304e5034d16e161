# SPDX-License-Identifier: Apache-2.0
"""tests/summary.py: the last line of a run counts what ran, and no failure can hide.

usage: summary_test.py SCRIPT [unittest arguments]
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = sys.argv.pop(1)

PASSED = '<testcase name="A.Passes" status="run"/>'
FAILED = '<testcase name="A.Fails" status="fail"><failure message=""/></testcase>'
SKIPPED = ('<testcase name="A.Skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
           "<system-out>[ RUN      ] A.Skips\na_test.cc:5: Skipped\nno namespaces here\n\n[  SKIPPED ] A.Skips"
           "</system-out></testcase>")
NOT_FOUND = '<testcase name="A.Missing" status="notrun"/>'


class Summary(unittest.TestCase):
    def summarize(self, text):
        with tempfile.TemporaryDirectory() as folder:
            results = pathlib.Path(folder) / "results.xml"
            if text is not None:
                results.write_text(text, encoding="utf-8")
            run = subprocess.run([sys.executable, "-B", SCRIPT, results], capture_output=True, text=True)
        return run.returncode, run.stdout.splitlines()

    def suite(self, *cases):
        return self.summarize(f"<testsuite>{''.join(cases)}</testsuite>")

    def test_passed_and_failed_are_counted(self):
        self.assertEqual(self.suite(PASSED, PASSED, FAILED), (1, ["failed: A.Fails", "2 passed, 1 failed"]))

    def test_all_passed_is_success(self):
        self.assertEqual(self.suite(PASSED), (0, ["1 passed, 0 failed"]))

    def test_a_skipped_test_counts_as_neither_and_tells_why(self):
        self.assertEqual(self.suite(PASSED, SKIPPED), (0, ["skipped: A.Skips: no namespaces here", "1 passed, 0 failed"]))

    def test_a_test_whose_program_is_missing_has_failed(self):
        self.assertEqual(self.suite(PASSED, NOT_FOUND), (1, ["failed: A.Missing", "1 passed, 1 failed"]))

    def test_a_run_of_nothing_is_no_success(self):
        status, lines = self.suite()
        self.assertEqual((status, lines[-1]), (1, "0 passed, 0 failed"))

    def test_no_results_are_a_failure(self):
        for text in (None, "<testsuite>"):
            status, lines = self.summarize(text)
            self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
