#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: plot.py ROWS FOLDER: the rows of all rounds (case, placement, value, ratio, unit) as medians: peers.txt, for
netmsg_bench --beside; peers.md, a table with the machine named; peers.svg, the ratios of a round trip as bars."""

import os
import platform
import statistics
import subprocess
import sys

BAR_HEIGHT, LEFT, WIDTH = 18, 190, 760

# Packages whose versions matter.
PEERS = ("dbus-daemon", "dbus-broker", "libsystemd0", "libzmq5", "nats-server", "libgrpc++1.51", "libcapnp-0.9.2")


def medians(path):
    """(case, placement) -> (value, ratio, unit, rounds), in the order of their first rows."""
    rows = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            case, placement, value, ratio, unit = line.split()
            rows.setdefault((case, placement, unit), []).append((float(value), float(ratio)))
    return {(case, placement): (statistics.median(v for v, _ in found), statistics.median(r for _, r in found), unit,
                                len(found))
            for (case, placement, unit), found in rows.items()}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}"


def versions():
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *PEERS], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return shown.rstrip(", ")


def text(rows):
    return "".join(f"{case} {placement} {value:.6g} {ratio:.6g} {unit}\n"
                   for (case, placement), (value, ratio, unit, _) in rows.items())


def table(rows, where):
    lines = [f"{where}. {versions()}.\n",
             "Medians; the ratio is to a Unix SEQPACKET ping-pong of the same moment (64 in flight for rates).\n",
             "| case | placement | median | ratio | rounds |", "| --- | --- | ---: | ---: | ---: |"]
    lines += [f"| {case} | {placement} | {value:.3g} {unit} | {ratio:.3g} | {count} |"
              for (case, placement), (value, ratio, unit, count) in rows.items()]
    return "\n".join(lines) + "\n"


def bar(row, label, ratio, scale):
    top = 40 + row * BAR_HEIGHT
    return (f'<text x="{LEFT - 6}" y="{top + 12}" text-anchor="end">{label}</text>'
            f'<rect x="{LEFT}" y="{top + 2}" width="{ratio * scale:.1f}" height="{BAR_HEIGHT - 5}"/>'
            f'<text x="{LEFT + ratio * scale + 4:.1f}" y="{top + 12}">{ratio:.2f}</text>\n')


def plot(rows, where):
    bars = sorted((ratio, f"{case.split('.')[1]}, {placement}")
                  for (case, placement), (_, ratio, _, _) in rows.items() if case.endswith(".trip.64"))
    scale = (WIDTH - LEFT - 60) / max((ratio for ratio, _ in bars), default=1)
    height = 50 + BAR_HEIGHT * len(bars)
    body = "".join(bar(row, label, ratio, scale) for row, (ratio, label) in enumerate(bars))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
            f'font-size="11" fill="#30507a">\n<text x="8" y="16" font-size="13">Round trip of 64 bytes, times a direct '
            f'Unix socket</text>\n<text x="8" y="31">{where}</text>\n{body}</svg>\n')


def main(path, folder):
    rows = medians(path)
    for name, content in (("peers.txt", text(rows)), ("peers.md", table(rows, machine())),
                          ("peers.svg", plot(rows, machine()))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
