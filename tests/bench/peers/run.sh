#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures other messaging systems and netmsg at the same jobs, in turn, and writes one table and one plot.
#
# usage: run.sh [ROUNDS [SECONDS]]      rounds of everything (3); seconds for each measurement (0.3)
#
# Installs what is missing (as root), builds in build/peers, and writes into tests/bench/results/: peers.md and peers.svg,
# the table and the plot of all systems; peers.txt (case, placement, median, ratio to the reference of the same moment,
# unit); netmsg.txt, all of netmsg's own rows, and the goals. Programs, daemons and sockets of a run are gone afterwards.
set -euo pipefail

rounds=${1:-3} seconds=${2:-0.3}
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../../.." && pwd)
build=$tree/build/peers
results=$tree/tests/bench/results

install_packages() {
  local -a missing=()
  local package
  while read -r package; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done < <(grep -v '^#' "$here/packages.txt")
  if ((${#missing[@]} > 0)); then
    apt-get install -y --no-install-recommends "${missing[@]}"
  fi
}

build_all() {
  cmake -S "$tree" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNETMSG_PEERS=ON >/dev/null
  ninja -C "$build" peers netmsg_bench
}

# One round of every program, one after the other.
measure() {
  local program
  for program in "$build"/bin/peer_*; do
    "$program" --seconds "$seconds"
  done
}

install_packages
build_all
mkdir -p "$results"
rows=$(mktemp) own=$(mktemp)
trap 'rm -f "$rows" "$own"' EXIT
for ((round = 1; round <= rounds; round++)); do
  echo "round $round of $rounds" >&2
  measure >>"$rows"
done
python3 -B "$here/plot.py" medians "$rows" >"$results/peers.txt"
"$build/tests/netmsg_bench" --rounds "$rounds" --seconds "$seconds" --beside "$results/peers.txt" --lines "$own" \
  >"$results/netmsg.txt"
python3 -B "$here/plot.py" draw "$results/peers.txt" "$own" "$results"
echo "results are in $results"
