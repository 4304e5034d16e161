#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, runs the tests. The last line is always "N passed, M failed"; the exit status is 0
# when M is 0. A build that fails counts as one failure. Skipped tests are listed with their reason and count as neither.
#
# usage: tests/run.sh [FILTER]          FILTER: a regular expression over test names (ctest -R)
#   NETMSG_PRESET      release (default), debug, asan or tsan
#   NETMSG_TEST_SCALE  what share of their counts the long tests run; default 1, under sanitizers 0.01
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

preset=${NETMSG_PRESET:-release}
build=build/$preset
results=$build/results.xml
filter=()
[[ $# -eq 0 ]] || filter=(-R "$1")

# The text of a tree does not change under a sanitizer, and gRPC is not built for ThreadSanitizer: it reports the
# library's own locks, so what links it stays out there.
scale=1
leave_out=()
target=()
around=()
case $preset in
  asan) scale=0.01 leave_out=(-LE '^tidy$') ;;
  tsan)
    scale=0.01 leave_out=(-LE '^(tidy|grpc)$' -E '_NOT_BUILT$') target=(--target tests_without_grpc)
    # Kernels with a large address-space randomization leave TSan no room for its shadow; where we may, we turn it off.
    if setarch -R true 2>/dev/null; then around=(setarch -R); fi
    ;;
esac
export NETMSG_TEST_SCALE=${NETMSG_TEST_SCALE:-$scale}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

give_up() {
  echo "$1"
  echo "0 passed, 1 failed"
  exit 1
}

deploy/packages.sh || give_up "installing what is missing failed"
mkdir -p build
if ! cmake --preset "$preset" >"$build.configure.log" 2>&1; then
  cat "$build.configure.log"
  give_up "configuring the preset $preset failed"
fi
"${around[@]}" cmake --build --preset "$preset" "${target[@]}" || give_up "the build of the preset $preset failed"

rm -f "$results"
"${around[@]}" ctest --test-dir "$build" -j2 --output-on-failure --no-tests=error "${leave_out[@]}" "${filter[@]}" \
  --output-junit results.xml || true
exec python3 -B tests/summary.py "$results"
