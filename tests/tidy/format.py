# SPDX-License-Identifier: Apache-2.0
"""Every source file is as clang-format would write it (.clang-format in the root)."""

import subprocess

import tree as tidy


def format_findings(tree):
    files = tree.code()
    if not files:
        return
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=tree.root, capture_output=True, text=True)
    lines = [line for line in run.stderr.splitlines() if "clang-format-violations" in line]
    yield from lines
    if run.returncode != 0 and not lines:
        yield f"clang-format failed: {run.stderr.strip()[:300]}"


if __name__ == "__main__":
    tidy.main(format_findings)
