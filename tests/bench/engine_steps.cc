// SPDX-License-Identifier: Apache-2.0
// usage: engine_steps STEP COUNT [NAMES]: does one of the engine's steps so often, for engine_instructions.py to count;
// NAMES: with so many other names there. Without arguments: the steps, a line each.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/engine_loop.h"

namespace {

using netmsg::test::EngineLoop;

struct Step {
  const char* name;
  void (EngineLoop::*run)();
};
constexpr Step kSteps[] = {
    {"send_and_receive", &EngineLoop::send_and_receive},
    {"send_to_waiting", &EngineLoop::send_to_waiting},
    {"call", &EngineLoop::call},
    {"move_send_right", &EngineLoop::move_send_right},
    {"receive_from_set", &EngineLoop::receive_from_set},
    {"look_up", &EngineLoop::look_up},
};

const Step* step_of(const char* name) {
  for (const Step& step : kSteps)
    if (std::strcmp(step.name, name) == 0) return &step;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1)
    for (const Step& step : kSteps) std::puts(step.name);
  if (argc < 3) return argc == 1 ? 0 : 2;
  const Step* const step = step_of(argv[1]);
  if (step == nullptr) return 2;
  EngineLoop loop(argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : 0);
  for (unsigned long left = std::strtoul(argv[2], nullptr, 10); left > 0; --left) (loop.*step->run)();
}
