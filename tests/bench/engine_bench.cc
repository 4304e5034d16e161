// SPDX-License-Identifier: Apache-2.0
// The engine alone, under Google Benchmark: what a message costs without lanes, processes or bytes copied; and whether
// that grows with the names there are.
#include <benchmark/benchmark.h>

#include "tests/support/engine_loop.h"

namespace {

using netmsg::test::EngineLoop;

constexpr int kManyNames = 1000000;

void repeat(benchmark::State& state, void (EngineLoop::*step)()) {
  EngineLoop loop(static_cast<unsigned>(state.range(0)));
  for (auto one : state) (loop.*step)();
}

// Without other names, and with a million ports in one space and a million dead names in the other.
#define NETMSG_STEP(step) \
  BENCHMARK_CAPTURE(repeat, step, &EngineLoop::step)->ArgName("names")->Arg(0)->Arg(kManyNames)
NETMSG_STEP(send_and_receive);
NETMSG_STEP(send_to_waiting);
NETMSG_STEP(call);
NETMSG_STEP(move_send_right);
NETMSG_STEP(receive_from_set);
NETMSG_STEP(look_up);
#undef NETMSG_STEP

}  // namespace

BENCHMARK_MAIN();
