# SPDX-License-Identifier: Apache-2.0
"""Reads the results ctest wrote (JUnit) and tells them: failures, skipped tests with their reason, and the last line.

usage: summary.py RESULTS_XML      exit status 1 when a test failed, none ran, or there are no results
"""

import sys
import xml.etree.ElementTree as xml


def reason(case):
    """What the test printed when it skipped itself: the line after gtest's "file:line: Skipped", or its last line."""
    lines = [line.strip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    for before, line in zip(lines, lines[1:]):
        if before.endswith(": Skipped"):
            return line
    return lines[-1] if lines else "it says nothing"


def last_words(case):
    """The end of what a failed test printed."""
    return (case.findtext("system-out") or "").rstrip().splitlines()[-20:]


def main():
    try:
        cases = list(xml.parse(sys.argv[1]).getroot().iter("testcase"))
    except (OSError, xml.ParseError) as error:
        print(f"no results: {error}\n0 passed, 1 failed")
        sys.exit(1)
    passed = [case for case in cases if case.get("status") == "run"]
    failed = [case for case in cases if case.get("status") == "fail"]
    others = [case for case in cases if case not in passed and case not in failed]
    skipped = [case for case in others if case.find("skipped") is not None]
    failed += [case for case in others if case not in skipped]
    for case in skipped:
        print(f"skipped: {case.get('name')}: {reason(case)}")
    for case in failed:
        print(f"failed: {case.get('name')}")
        for line in last_words(case):
            print(f"    {line}")
    if not cases:
        print("no test was run: does the filter match a name? (ctest -N lists them)")
    print(f"{len(passed)} passed, {len(failed)} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
