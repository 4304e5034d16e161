#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: engine_instructions.py ENGINE_STEPS [--check]: instructions of the engine for one of each of its steps, counted
by callgrind: the same on a noisy machine. Two runs of different length; what they differ by is the steps alone.

--check: fails where a step takes more than its bound, or more with many names than with none. Bounds are for a build
with optimization; they are generous, and there to show what has become half as dear again. Exit status 77: valgrind is
not here, or the program is none that can be counted."""

import re
import shutil
import subprocess
import sys
import tempfile

FEW, MANY = 3000, 5000
NAMES = 20000
SKIPPED = 77

# Step -> bound, in instructions.
BOUNDS = {
    "send_and_receive": 5500,
    "send_to_waiting": 6000,
    "call": 11000,
    "move_send_right": 9000,
    "receive_from_set": 5500,
    "look_up": 300,
}
GROWTH_MAX = 1.1  # with NAMES names, to none


def instructions(program, step, count, names):
    with tempfile.NamedTemporaryFile() as out:
        run = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, step,
                              str(count), str(names)], stderr=subprocess.PIPE, text=True, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        print(f"valgrind cannot run {program}:\n{run.stderr}")
        sys.exit(SKIPPED)
    return int(found.group(1))


def for_one(program, step, names=0):
    return (instructions(program, step, MANY, names) - instructions(program, step, FEW, names)) / (MANY - FEW)


def findings(program):
    for step, bound in BOUNDS.items():
        count = for_one(program, step)
        print(f"{step:20} {count:8.0f} instructions, at most {bound}")
        if count > bound:
            yield f"{step} takes {count:.0f} instructions"
    alone, among_many = for_one(program, "call"), for_one(program, "call", NAMES)
    print(f"{'call among names':20} {among_many:8.0f} instructions")
    if among_many > alone * GROWTH_MAX:
        yield f"a call takes {among_many / alone:.2f} times as many instructions with {NAMES} names"


def main(arguments):
    if shutil.which("valgrind") is None:
        print("valgrind is not here")
        return SKIPPED
    program = arguments[0]
    if set(subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout.split()) != set(BOUNDS):
        print("the steps are not those that have a bound")
        return 1
    found = list(findings(program))
    for finding in found:
        print(finding)
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
