// SPDX-License-Identifier: Apache-2.0
// Replays a case of a trace on a backend and finds the first difference (FORMAT.md §9): code, names, message,
// and the state of every bound symbol after every operation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/conformance/backend.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

struct Difference {
  std::uint32_t operation;
  std::string what;
};

struct Outcome {
  std::size_t operations = 0;                 // carried out and compared
  std::optional<Difference> difference = {};  // the first; what follows it in the case means nothing
  std::string missing =
      {};  // what the backend lacks for the next operation; empty: the case was replayed whole
};

// Begins and ends the case on the backend. Stops at the first difference or at the first operation that the
// backend does not offer: what came before that was compared all the same.
Outcome replay(const Case& recorded, Backend& backend);

}  // namespace netmsg::conformance
