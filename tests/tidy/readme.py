# SPDX-License-Identifier: Apache-2.0
"""The programs shown in README files are, letter for letter, the files they are said to be.

A program is shown as a line "<!-- file: PATH -->" and the fenced block after it.
"""

import re

import tree as tidy

SHOWN = re.compile(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.M | re.S)


def readme_findings(tree):
    if len(SHOWN.findall(tree.text("README.md"))) < 2:
        yield "README.md: shows no server and client (a line <!-- file: PATH --> and a fenced block)"
    for readme in tree.named("README.md"):
        for path, text in SHOWN.findall(tree.text(readme)):
            if path not in tree.files:
                yield f"{readme}: shows {path}, which does not exist"
            elif tree.text(path) != text:
                yield f"{readme}: what it shows is not the text of {path}"


if __name__ == "__main__":
    tidy.main(readme_findings)
