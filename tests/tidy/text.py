# SPDX-License-Identifier: Apache-2.0
"""What no file of the tree may contain, and what each must begin with. One table per rule.

The patterns are written so that they do not match themselves.
"""

import re

import tree as tidy

# Files whose first line (the second, after #!) names the licence.
LICENSED = (".cc", ".h", ".hpp", ".c", ".proto", ".py", ".sh", ".cmake", ".supp", ".toml", "CMakeLists.txt",
            ".clang-tidy", ".ci/run")
LICENCE = "SPDX-License-Identifier: Apache-2.0"

NOT_TEXT = (".gz", ".png", "LICENSE")

# (pattern, reason): in every file. (A made-up home directory in a test has an owner of one letter.)
EVERYWHERE = (
    (re.compile(r"/wor[k]/|/hom[e]/\w\w|/roo[t]/|/User[s]/\w|/tmp/(buil[d]|brie[f])\b"),
     "a path of a development machine"),
    (re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HAC[K])\b"), "a marker of unfinished work"),
    (re.compile(r"^(<{7} |>{7} |={7}$)"), "a conflict left over from a merge"),
    (re.compile(r"[ \t]+$"), "white space at the end of a line"),
)

# (path, pattern, reason): calls that are banned in part of the tree.
BANNED = (
    (re.compile(r"^(daemon/(?!ctl/)|proxy/)"), re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\("),
     "the daemon never blocks its owner thread"),
    (re.compile(r"^client/src/"), re.compile(r"\b(abort|exit|_exit|quick_exit|terminate|assert)\s*\("),
     "the library never ends its program"),
    (re.compile(r"^client/src/"), re.compile(r"(?<!secure_)\bgetenv\s*\("),
     "a set-user-id program must not obey its caller's environment: secure_getenv"),
    (re.compile(r"^(daemon|proxy|client|proto)/.*\.(cc|c|h|hpp)$"),
     re.compile(r"\b(strcpy|strcat|sprintf|gets|strtok|system|popen|alloca)\s*\("), "unbounded or unsafe"),
    (re.compile(r"\.(h|hpp)$"), re.compile(r"^\s*using namespace\b"), "a header opens a namespace for its users"),
)

GENERATED = re.compile(r"(\.pb\.(h|cc)|/compile_commands\.json|^compile_commands\.json|\.o|\.a|\.so|\.pem|\.key|\.crt)$")


def texts(tree):
    return (path for path in tree.files if not path.endswith(NOT_TEXT))


def licence_findings(tree):
    for path in tree.named(*LICENSED):
        lines = tree.lines(path)
        head = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
        if not head or LICENCE not in head[0]:
            yield f"{path}:1: the first line must say {LICENCE}"


def everywhere_findings(tree):
    for path in texts(tree):
        for number, line in enumerate(tree.lines(path), 1):
            for pattern, reason in EVERYWHERE:
                if pattern.search(line):
                    yield f"{path}:{number}: {reason}: {line.strip()[:80]}"


def uncommented(line):
    """The line without its comment: a comment may speak of a banned call. A line that continues a block starts with *."""
    bare = line.split("//")[0]
    return "" if bare.lstrip().startswith(("*", "/*")) else bare


def banned_findings(tree):
    for path in tree.code():
        rules = [(pattern, reason) for where, pattern, reason in BANNED if where.search(path)]
        for number, line in enumerate(tree.lines(path), 1):
            for pattern, reason in rules:
                if pattern.search(uncommented(line)):
                    yield f"{path}:{number}: {reason}: {line.strip()[:80]}"


def generated_findings(tree):
    for path in tree.files:
        if GENERATED.search(path):
            yield f"{path}: made by a program or a build; it is not kept here"


if __name__ == "__main__":
    tidy.main(licence_findings, everywhere_findings, banned_findings, generated_findings)
