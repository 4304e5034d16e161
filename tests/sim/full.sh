#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator at full counts: more than ten million events without a violation, and every mutant.
# Usage: tests/sim/full.sh [BUILD_FOLDER] [FIRST_SEED]
set -eu
sim="${1:-build/release}/bin/netmsg_sim"
first="${2:-1}"
for hosts in 3 4 5 6 7; do
  for faults in none blips cuts crashes all; do
    echo "hosts $hosts, faults $faults"
    "$sim" --hosts "$hosts" --seeds "$first..$((first + 99))" --steps 5000 --faults "$faults"
  done
done
"$sim" --guided --hosts 4 --seeds "$first..$((first + 4999))" --steps 500 --faults all
"$sim" --list-scopes | while read -r scope _; do
  echo "everything in $scope"
  "$sim" --exhaustive "$scope" --states 300000
done
"$sim" --all-mutants --steps 1500
