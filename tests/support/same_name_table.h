// SPDX-License-Identifier: Apache-2.0
// The table of spec 04 §3 as data: destination and reply are one name. Used against the engine and through
// real clients.
#pragma once

#include <mach/message.h>

#include <string>
#include <vector>

namespace netmsg::test {

// P: MACH_SEND_INVALID_REPLY. D: MACH_SEND_INVALID_DEST. Otherwise success, and `after` is the entry then.
struct SameNameCell {
  unsigned destination;  // disposition
  unsigned reply;        // disposition
  std::string before;    // R, R+S1, R+S2, S1, S2, SO, DN1, PS or free
  mach_msg_return_t code;
  std::string after;  // unchanged on failure
};

// All 225 cells.
std::vector<SameNameCell> same_name_table();

const char* disposition_name(unsigned disposition);

}  // namespace netmsg::test
