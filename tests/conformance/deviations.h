// SPDX-License-Identifier: Apache-2.0
// The cases in which an implementation of the specification differs from the recording, each with the section
// of the traces' DEVIATIONS.md that says so. An excused case must differ: one that does not is reported as
// well, so that the list stays true.
#pragma once

#include <cstdint>
#include <string_view>

namespace netmsg::conformance {

struct Excuse {
  std::string_view case_name;
  std::string_view section;
  std::uint32_t operation;  // the first that differs
};

// Null if the case has to agree.
const Excuse* excuse_for(std::string_view case_name);

// DEVIATIONS.md §3.1: the size in this operation's Z line is a fault of the recording.
bool told_size_is_wrong(std::string_view case_name, std::uint32_t operation);

}  // namespace netmsg::conformance
