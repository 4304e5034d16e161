# SPDX-License-Identifier: Apache-2.0
"""The programs shown in README.md are, letter for letter, the files they are said to be.

A program is shown as a line "<!-- file: PATH -->" and the fenced block after it.
"""

import re

import tree as tidy

SHOWN = re.compile(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.M | re.S)


def readme_findings(tree):
    shown = SHOWN.findall(tree.text("README.md"))
    if len(shown) < 2:
        yield "README.md: shows no server and client (a line <!-- file: PATH --> and a fenced block)"
    for path, text in shown:
        if path not in tree.files:
            yield f"README.md: shows {path}, which does not exist"
        elif tree.text(path) != text:
            yield f"README.md: what it shows is not the text of {path}"


if __name__ == "__main__":
    tidy.main(readme_findings)
