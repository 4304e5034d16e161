#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: stages.py NETMSG_BENCH CASE: the stages of one round trip on one processor, by who ran and for how long.

Records the kernel's scheduler while the case runs (perf, root) and adds up the time between two switches of the first
processor. On one processor a call is a sequence of such turns: the client's, the daemon's, the server's, and so on. The time
of what was recorded is longer than without: what counts is how it divides."""

import collections
import re
import statistics
import subprocess
import sys
import tempfile

SWITCH = re.compile(r"(\d+\.\d+): prev_comm=(.*?) prev_pid=(\d+) .*prev_state=(\S+) ==> next_comm=(.*?) next_pid=(\d+)")
SHARE_MIN = 0.05  # of the most frequent turn: rarer ones are not part of a call


def switches(record):
    """(second, who stopped, "waits" or "yields", who went on)"""
    text = subprocess.run(["perf", "script", "-i", record, "--ns", "-F", "time,trace"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return [(float(m[1]), f"{m[2]} {m[3]}", "yields" if m[4].startswith("R") else "waits", f"{m[5]} {m[6]}")
            for m in map(SWITCH.search, text.splitlines()) if m]


def turns(found):
    """(who, how its turn ends, who comes next) -> how long each turn took, in us, of daemons and of whom they alternate with."""
    beside = collections.Counter(pair for _, who, _, then in found for pair in ((who, then), (then, who)))
    daemons = collections.Counter()
    for (who, then), times in beside.items():
        if "netmsgd" in who + then:
            daemons[who] += times
    took = collections.defaultdict(list)
    for (start, *_), (end, who, how, then) in zip(found, found[1:]):
        if daemons[who] >= max(daemons.values(), default=0) * SHARE_MIN:
            took[who, how, then].append((end - start) * 1e6)
    return took


def main(bench, case):
    with tempfile.NamedTemporaryFile() as record:
        subprocess.run(["perf", "record", "-q", "-C", "0", "-e", "sched:sched_switch", "-o", record.name, bench, "--case",
                        case, "--rounds", "1", "--seconds", "0.3"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=True)
        took = turns(switches(record.name))
    most = max(map(len, took.values()), default=0)
    print(f"{'turn of':<22} {'ends, and then':<30} {'turns':>8} {'median us':>10}")
    for (who, how, then), times in sorted(took.items(), key=lambda item: -len(item[1])):
        if len(times) >= most * SHARE_MIN:
            print(f"{who:<22} {how + ', ' + then:<30} {len(times):>8} {statistics.median(times):>10.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
