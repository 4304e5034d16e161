// SPDX-License-Identifier: Apache-2.0
// A message that came back to its sender without the recorder noticing it (rule B of DEVIATIONS.md §1.1).
#pragma once

#include "tests/conformance/case_names.h"
#include "tests/conformance/sent.h"

namespace netmsg::conformance {

// Gives the names in the returned `bytes` to the symbols that the send freed: the one freed last is used first.
// Names that are more than those were made by a MAKE_* and never get a symbol.
void rename_given_back(CaseNames& names, SpaceId space, const Sent& sent, const Bytes& bytes,
                       const ReadMemory& read_memory);

// The line that the recorder would have written: the header is the one sent.
Written given_back_unchanged(const Message& sent);

}  // namespace netmsg::conformance
