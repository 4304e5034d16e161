# SPDX-License-Identifier: Apache-2.0
"""Files that nothing uses: sources the build does not name, headers nobody includes, scripts nobody mentions."""

import pathlib
import re

import tree as tidy

SCRIPTS = (".sh", ".py", ".supp", ".cmake")


def build_tokens(tree):
    """The paths named by the build, from the root. A name may leave its extension to a foreach over test names."""
    named = set()
    for path in tree.named("CMakeLists.txt"):
        folder = pathlib.PurePath(path).parent
        for token in re.findall(r"[\w./+-]+", tree.text(path)):
            named.add(str(folder / token))
    return named


def source_findings(tree):
    named = build_tokens(tree)
    for path in tree.named(".cc", ".c", ".proto"):
        if path not in named and str(pathlib.PurePath(path).with_suffix("")) not in named:
            yield f"{path}: no CMakeLists.txt builds it"


def users_of_headers(tree):
    """Header path -> the files that include it."""
    users = {}
    for path in tree.code():
        for _, _, name in tidy.includes(tree, path):
            for header in (name, f"proto/include/{name}", f"client/include/{name}"):
                users.setdefault(header, set()).add(path)
    return users


def header_findings(tree):
    users = users_of_headers(tree)
    for path in tree.named(".h", ".hpp"):
        own = {str(pathlib.PurePath(path).with_suffix(suffix)) for suffix in tidy.CODE}
        if not users.get(path, set()) - own:
            yield f"{path}: included by nothing but its own source"


def script_findings(tree):
    """A script is alive when another file that is not a README of its own folder says its name."""
    texts = {path: tree.text(path) for path in tree.files if not path.endswith((".gz", ".png"))}
    for path in tree.named(*SCRIPTS):
        stem = pathlib.PurePath(path).name if not path.endswith(".py") else pathlib.PurePath(path).stem
        word = re.compile(rf"\b{re.escape(stem)}\b")
        if not any(word.search(text) for other, text in texts.items() if other != path):
            yield f"{path}: mentioned by nothing"


if __name__ == "__main__":
    tidy.main(source_findings, header_findings, script_findings)
