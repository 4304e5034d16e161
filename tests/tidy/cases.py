# SPDX-License-Identifier: Apache-2.0
"""tests/cases.md against the tests: every entry of the specification's lists is there once, with the tests that carry its
number, or with the reason why there is none.

A test carries a number by a comment right above it or inside it ("// 03.15"), or, for the acceptance cases of 04, by its suite
(A5, A5Client, A8Race) or a number at the beginning of such a comment ("// 04.6, A16: ...").

usage: cases.py [ROOT]            the findings
       cases.py --update [ROOT]   writes the column of tests anew
"""

import re
import sys

import tree as tidy

TABLE = "tests/cases.md"
# File of the specification -> entries in its list; A: the acceptance cases of 04 §8 and §9.
ENTRIES = {"01": 20, "02": 18, "03": 27, "04": 10, "05": 18, "06": 17, "07": 11, "08": 15, "A": 37}

ROW = re.compile(r"^\| (0\d\.\d+|A\d+) \| ([^|]*) \| ([^|]*)\| ([^|]*)\|$")
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)")
CMAKE_TEST = re.compile(r"^ *add_test\(NAME (\S+)$")
NUMBER = re.compile(r"(?<![\d.])0[1-8]\.\d{1,2}(?!\d|\.\d)")
ACCEPTANCE = r"A\d{1,2}"
HEAD = re.compile(rf"^(?:(?:0[1-8]\.\d+|{ACCEPTANCE})(?:, | and |(?=$|[:.])))+")
SUITE = re.compile(rf"^({ACCEPTANCE})(?:Client|Race)?$")


def expected():
    return [f"{file}.{n}" if file != "A" else f"A{n}" for file, count in ENTRIES.items() for n in range(1, count + 1)]


def comment(line, mark):
    """The text of the comment on this line, without its mark."""
    found = re.search(rf"(?:^|\s){mark} ?(.*)$", line)
    return found[1] if found else ""


def numbers(comments, suite=""):
    """The numbers that a test with these lines of comment carries."""
    carried = {number for text in comments for number in NUMBER.findall(text)}
    for text in comments:
        if head := HEAD.match(text):
            carried.update(re.findall(ACCEPTANCE, head[0]))
    if named := SUITE.match(suite):
        carried.add(named[1])
    return carried


def block(lines, at, mark, last):
    """The comments of the test that begins at line `at` and ends with the line `last`: those right above it and its own."""
    first = at
    while first > 0 and lines[first - 1].startswith(mark):
        first -= 1
    end = at
    while end < len(lines) - 1 and not lines[end].startswith(last):
        end += 1
    return [text for line in lines[first:end + 1] if (text := comment(line, mark))]


def tests(tree):
    """Yields (name of a test, the numbers it carries)."""
    for path in tree.files:
        if not path.startswith("tests/"):
            continue
        if path.endswith(".cc"):
            lines = tree.lines(path)
            for at, line in enumerate(lines):
                if found := TEST.match(line):
                    yield f"{found[1]}.{found[2]}", numbers(block(lines, at, "//", "}"), found[1])
        elif path.endswith("CMakeLists.txt"):
            lines = tree.lines(path)
            for at, line in enumerate(lines):
                if found := CMAKE_TEST.match(line):
                    yield found[1], numbers(block(lines, at, "#", ""))


def carriers(tree):
    """Number -> the tests that carry it, in the order of the alphabet."""
    found = {}
    for name, carried in tests(tree):
        for number in carried:
            found.setdefault(number, set()).add(name)
    return {number: sorted(names) for number, names in found.items()}


def rows(text):
    """Yields (number, entry, tests, remark) for each row of the table."""
    for line in text.splitlines():
        if row := ROW.match(line):
            yield tuple(cell.strip() for cell in row.groups())


def order_findings(tree):
    found = [number for number, *_ in rows(tree.text(TABLE))] if TABLE in tree.files else []
    for number in expected():
        if found.count(number) != 1:
            yield f"{TABLE}: {number} is there {found.count(number)} times, not once"
    for number in found:
        if number not in expected():
            yield f"{TABLE}: {number} is no entry of the specification"


def carrier_findings(tree):
    if TABLE not in tree.files:
        return
    carrying = carriers(tree)
    for number, _, named, remark in rows(tree.text(TABLE)):
        if named != ", ".join(carrying.get(number, [])):
            yield f"{TABLE}: {number} is carried by {', '.join(carrying.get(number, [])) or 'no test'}: run cases.py --update"
        elif not named and not remark:
            yield f"{TABLE}: {number} has neither a test nor the reason why there is none"


def update(tree):
    carrying = carriers(tree)
    lines = []
    for line in tree.lines(TABLE):
        if row := ROW.match(line):
            number, entry, _, remark = (cell.strip() for cell in row.groups())
            cells = number, entry, ", ".join(carrying.get(number, [])), remark
            line = "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
        lines.append(line)
    (tree.root / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--update"]:
        update(tidy.Tree(sys.argv[2] if len(sys.argv) > 2 else tidy.DEFAULT_ROOT))
    else:
        tidy.main(order_findings, carrier_findings)
