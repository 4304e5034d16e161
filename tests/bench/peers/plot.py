#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: plot.py medians ROWS          the rows of all rounds (case, placement, value, ratio, unit) as medians, for
                                     netmsg_bench --beside
       plot.py draw MEDIANS OWN FOLDER   those and netmsg's own rows (netmsg_bench --lines) as peers.md, a table with the
                                     machine named, and peers.svg, the ratios of a round trip as bars"""

import os
import platform
import statistics
import subprocess
import sys

BAR_HEIGHT, LEFT, WIDTH = 18, 190, 760

# Packages whose versions matter.
PEERS = ("dbus-daemon", "dbus-broker", "libsystemd0", "libzmq5", "nats-server", "libgrpc++1.51", "libcapnp-0.9.2")


# What each system is asked to do, and the netmsg row of that job.
JOBS = {"trip.64": "once.64", "trip.64K": "trip.64K", "flight64.64": "batch64.64", "stream8.1M": "stream8.1M"}
PLACEMENTS = ("one", "free")


def read(path):
    """(case, placement) -> [(value, ratio, unit)], in the order of their first rows."""
    rows = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            case, placement, value, ratio, unit = line.split()
            rows.setdefault((case, placement), []).append((float(value), float(ratio), unit))
    return rows


def medians(path):
    for (case, placement), found in read(path).items():
        value, ratio = (statistics.median(each[at] for each in found) for at in (0, 1))
        print(f"{case} {placement} {value:.6g} {ratio:.6g} {found[0][2]}")


def systems(peers, own):
    """system -> {(job, placement): (value, ratio, unit)}; netmsg's two lanes first."""
    found = {}
    for lane in ("ring", "socket"):
        for job, case in JOBS.items():
            for placement in PLACEMENTS:
                for row in own.get((f"netmsg.{lane}.{case}", placement), ()):
                    found.setdefault(f"netmsg, {lane}", {})[job, placement] = row
    for (case, placement), (row,) in peers.items():
        _, system, job = case.split(".", 2)
        found.setdefault(system, {})[job, placement] = row
    return found


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}"


def versions():
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *PEERS], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return shown.rstrip(", ")


def number(value):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= 10 * size or (value >= size and unit == "M"):
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(row):
    if row is None:
        return "-"
    value, ratio, unit = row
    return number(value) if unit == "MB/s" else f"{number(value)} ({ratio:.2g})"


def table(found, where):
    units = {"trip.64": "us", "trip.64K": "us", "flight64.64": "a second", "stream8.1M": "MB/s"}
    columns = [(job, placement) for job in JOBS for placement in PLACEMENTS]
    head = " | ".join(f"{job}, {placement}, {units[job]}" for job, placement in columns)
    lines = [f"{where}. {versions()}.\n",
             "Medians; in brackets times a Unix SEQPACKET ping-pong of the same moment (64 in flight for rates).\n",
             f"| system | {head} |", "| --- |" + " ---: |" * len(columns)]
    lines += [f"| {system} | " + " | ".join(cell(rows.get(column)) for column in columns) + " |"
              for system, rows in found.items()]
    return "\n".join(lines) + "\n"


def bar(row, label, ratio, scale):
    top = 40 + row * BAR_HEIGHT
    ours = ' font-weight="bold" fill="#a04020"' if label.startswith("netmsg") else ""
    return (f'<text x="{LEFT - 6}" y="{top + 12}" text-anchor="end"{ours}>{label}</text>'
            f'<rect{ours} x="{LEFT}" y="{top + 2}" width="{ratio * scale:.1f}" height="{BAR_HEIGHT - 5}"/>'
            f'<text x="{LEFT + ratio * scale + 4:.1f}" y="{top + 12}">{ratio:.2f}</text>\n')


def plot(found, where):
    bars = sorted((rows["trip.64", placement][1], f"{system}, {placement}")
                  for system, rows in found.items() for placement in PLACEMENTS if ("trip.64", placement) in rows)
    scale = (WIDTH - LEFT - 60) / max((ratio for ratio, _ in bars), default=1)
    height = 50 + BAR_HEIGHT * len(bars)
    body = "".join(bar(row, label, ratio, scale) for row, (ratio, label) in enumerate(bars))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
            f'font-size="11" fill="#30507a">\n<text x="8" y="16" font-size="13">Round trip of 64 bytes, times a direct '
            f'Unix socket</text>\n<text x="8" y="31">{where}</text>\n{body}</svg>\n')


def draw(medians_path, own_path, folder):
    found = systems(read(medians_path), read(own_path))
    for name, content in (("peers.md", table(found, machine())), ("peers.svg", plot(found, machine()))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(content)


if __name__ == "__main__":
    {"medians": medians, "draw": draw}[sys.argv[1]](*sys.argv[2:])
