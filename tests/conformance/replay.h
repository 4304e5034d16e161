// SPDX-License-Identifier: Apache-2.0
// Replays a case of a trace on a backend and finds the first difference that nothing excuses (FORMAT.md §9):
// code, names, message, memory, and the state of every bound symbol after every operation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/conformance/backend.h"
#include "tests/conformance/excuses.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

struct Difference {
  std::uint32_t operation;
  std::string what;
};

struct Outcome {
  std::size_t operations = 0;                 // carried out and compared
  std::optional<Difference> difference = {};  // the first; what follows it in the case means nothing
  std::vector<Excuse> excuses = {};           // differences before it that were none
};

// Begins and ends the case on the backend. A failure of the backend is a difference, too.
Outcome replay(const Case& recorded, Backend& backend);

}  // namespace netmsg::conformance
