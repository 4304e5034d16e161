#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: quick_test.py NETMSG_BENCH: one short round of everything. Did all cases run? Never how fast."""

import json
import subprocess
import sys
import tempfile

# Why a case may have no figure in a short round.
EXCUSES = ("too large for --quick", "too many for --quick", "the limit of descriptors is",
           "system calls are not counted")

# Rows that may be zero.
NOTHING = ("netmsg.idle.cpu", "netmsg.idle.owner-cpu", "netmsg.idle.heap", "netmsg.idle.rings", "netmsg.scale.idle-clients.bytes")


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def faults(listed, result, lines):
    rows = result["rows"]
    for name in listed - {row["case"] for row in rows}:
        yield f"{name} did not run"
    for row in rows:
        where = f"{row['case']} ({row['placement']})"
        why = row.get("not_offered")
        if why is None and not (row["value"] > 0 or row["case"] in NOTHING):
            yield f"{where} measured nothing"
        if why is not None and not why.startswith(EXCUSES):
            yield f"{where}: {why}"
    figures = [[row["case"], row["placement"]] for row in rows if "not_offered" not in row]
    if [line.split()[:2] for line in lines] != figures:
        yield "the lines are not those of the rows"
    if any(len(line.split()) != 5 for line in lines):
        yield "a line is not of five words"
    if not {goal["goal"] for goal in result["goals"]} >= {str(number) for number in range(1, 18)}:
        yield "the goals are not all there"


def main(program):
    listed = set(output(program, "--list").split())
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as lines:
        result = json.loads(output(program, "--quick", "--json", "--lines", lines.name))
        found = list(faults(listed, result, list(lines)))
    for fault in found:
        print(fault)
    print(f"{len(listed)} cases, {len(found)} faults")
    return 1 if found or not listed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
