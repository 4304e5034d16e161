# SPDX-License-Identifier: Apache-2.0
"""clang-tidy (.clang-tidy in the root) over the sources of daemon/, proxy/ and client/, as the build compiles them.

usage: clang_tidy.py ROOT BUILD_FOLDER

A source that passed is remembered in BUILD_FOLDER/tidy-cache by a hash of all that decides the answer: the tool, its
configuration, the compile command, the text of the source and of every header of ours it reaches. A second run is
therefore quick, and an edit of one header checks what includes it.

Sources of tests are not checked: the code that gtest's macros make trips checks that say nothing about ours.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import tree as tidy

CHECKED = re.compile(r"^(daemon|proxy|client)/.*\.(cc|c)$")


def commands(root, build):
    """Source path -> its compile command. Of several (a static and a shared library), the first."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
        if CHECKED.match(path):
            found.setdefault(path, entry["command"])
    return found


class Reach:
    """The headers of ours and the generated ones that a source reaches, with their texts' hashes."""

    def __init__(self, tree, build):
        self.tree = tree
        self.folders = (tree.root, tree.root / "proto/include", tree.root / "client/include", build / "proto/generated")
        self.direct = {}

    def _find(self, name):
        return next((folder / name for folder in self.folders if (folder / name).is_file()), None)

    def _direct(self, path):
        if path not in self.direct:
            text = path.read_bytes()
            names = re.findall(rb'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M)
            headers = {header for header in (self._find(name.decode()) for name in names) if header}
            self.direct[path] = (hashlib.sha256(text).hexdigest(), headers)
        return self.direct[path]

    def digests(self, path):
        seen, ahead = set(), [path]
        while ahead:
            current = ahead.pop()
            if current not in seen:
                seen.add(current)
                ahead.extend(self._direct(current)[1])
        return sorted(self._direct(header)[0] for header in seen)


def tool_version():
    return subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True, text=True).stdout


def key(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def check(root, build, path):
    """Returns what clang-tidy says against `path`, or an empty string."""
    # Clang knows gcc's option for objects of both kinds, and says that it does not use it.
    run = subprocess.run(["clang-tidy", "--quiet", "--extra-arg=-Wno-ignored-optimization-argument", "-p", build,
                          root / path], capture_output=True, text=True)
    return "" if run.returncode == 0 else (run.stdout or run.stderr)


def main():
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    cache = build / "tidy-cache"
    cache.mkdir(exist_ok=True)
    reach = Reach(tidy.Tree(root), build)
    settings = [tool_version(), (root / ".clang-tidy").read_text(encoding="utf-8")]
    keys = {path: key(settings, command, reach.digests(root / path)) for path, command in commands(root, build).items()}
    due = [path for path in keys if not (cache / keys[path]).exists()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, said in zip(due, pool.map(lambda path: check(root, build, path), due)):
            if said:
                failed += 1
                print(f"== {path}\n{said}")
            else:
                (cache / keys[path]).touch()
    print(f"{len(keys)} sources, {len(keys) - len(due)} unchanged since they passed, {failed} with findings")
    sys.exit(1 if failed or not keys else 0)


if __name__ == "__main__":
    main()
