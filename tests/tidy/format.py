# SPDX-License-Identifier: Apache-2.0
"""Every source file is as clang-format would write it (.clang-format in the root)."""

import collections
import subprocess

import tree as tidy


def format_findings(tree):
    files = tree.code()
    if not files:
        return
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=tree.root, capture_output=True, text=True)
    places = collections.Counter(
        line.split(":")[0] for line in run.stderr.splitlines() if "clang-format-violations" in line)
    for path, count in places.items():
        yield f"{path}: clang-format -i would change {count} place(s)"
    if run.returncode != 0 and not places:
        yield f"clang-format failed: {run.stderr.strip()[:300]}"


if __name__ == "__main__":
    tidy.main(format_findings)
