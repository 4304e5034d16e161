// SPDX-License-Identifier: Apache-2.0
// The table of spec 04 §1 as data: one right is copied in. Used against the engine and through real clients.
#pragma once

#include <mach/message.h>

#include <string>

namespace netmsg::test {

// The columns: each kind of right, with one reference and with more than one.
inline constexpr const char* kCopyinStates[] = {"R",  "R+S1", "R+S2", "S1",  "S2",
                                                "SO", "PS",   "DN1",  "DN2", "free"};

// What `disposition` makes of an entry that is `before`, as reply or in a body; "" if it is refused.
std::string after_copyin(unsigned disposition, const std::string& before);
// The same as destination, where no dead name will do.
std::string after_copyin_as_destination(unsigned disposition, const std::string& before);

// The type under which a right taken by `disposition` arrives (04 §1 note 5).
unsigned received_type(unsigned disposition);

}  // namespace netmsg::test
