# SPDX-License-Identifier: Apache-2.0
"""What the checks of this folder share: the files of the tree, their text, and how a finding is told.

A check is a function that takes a Tree and yields findings; main() prints them and makes the exit status.
"""

import pathlib
import re
import subprocess
import sys

CODE = {".cc", ".h", ".hpp", ".c"}
DEFAULT_ROOT = pathlib.Path(__file__).resolve().parents[2]


class Tree:
    """The files below `root` that are, or would be, under version control, by their path from the root."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = sorted(path for path in self._listed() if (self.root / path).is_file())

    def _listed(self):
        """Asks git; a tree without git (an archive, a planted one) is walked, without hidden and build folders."""
        if (self.root / ".git").exists():
            listed = subprocess.run(
                ["git", "-c", f"safe.directory={self.root}", "-C", self.root,
                 "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                check=True, capture_output=True, text=True)
            return {path for path in listed.stdout.split("\0") if path}
        walked = (path.relative_to(self.root) for path in self.root.rglob("*"))
        return {str(path) for path in walked if path.parts[0] not in ("build", ".git")}

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path):
        return self.text(path).splitlines()

    def code(self):
        return [path for path in self.files if pathlib.PurePath(path).suffix in CODE]

    def named(self, *suffixes):
        return [path for path in self.files if path.endswith(suffixes)]


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(tree, path):
    """Yields (line number, quoted?, name) for each #include of `path`."""
    for number, line in enumerate(tree.lines(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def main(*checks):
    """Runs the checks over the tree named by the first argument (default: this one); exit status 1 on findings."""
    tree = Tree(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_ROOT)
    findings = [finding for check in checks for finding in check(tree)]
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s) in {len(tree.files)} files")
    sys.exit(1 if findings else 0)
