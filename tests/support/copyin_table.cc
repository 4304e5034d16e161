// SPDX-License-Identifier: Apache-2.0
#include "tests/support/copyin_table.h"

#include <map>

namespace netmsg::test {

namespace {

using Row = std::map<std::string, std::string>;  // before -> after; what is not there is refused

const std::map<unsigned, Row>& rows() {
  static const std::map<unsigned, Row> kRows = {
      {MACH_MSG_TYPE_MOVE_RECEIVE, {{"R", "free"}, {"R+S1", "S1"}, {"R+S2", "S2"}}},
      {MACH_MSG_TYPE_MOVE_SEND,
       {{"R+S1", "R"}, {"R+S2", "R+S1"}, {"S1", "free"}, {"S2", "S1"}, {"DN1", "free"}, {"DN2", "DN1"}}},
      {MACH_MSG_TYPE_MOVE_SEND_ONCE, {{"SO", "free"}, {"DN1", "free"}, {"DN2", "DN1"}}},
      {MACH_MSG_TYPE_COPY_SEND,
       {{"R+S1", "R+S1"}, {"R+S2", "R+S2"}, {"S1", "S1"}, {"S2", "S2"}, {"DN1", "DN1"}, {"DN2", "DN2"}}},
      {MACH_MSG_TYPE_MAKE_SEND, {{"R", "R"}, {"R+S1", "R+S1"}, {"R+S2", "R+S2"}}},
      {MACH_MSG_TYPE_MAKE_SEND_ONCE, {{"R", "R"}, {"R+S1", "R+S1"}, {"R+S2", "R+S2"}}},
  };
  return kRows;
}

}  // namespace

std::string after_copyin(unsigned disposition, const std::string& before) {
  const Row& row = rows().at(disposition);
  const auto cell = row.find(before);
  return cell != row.end() ? cell->second : "";
}

std::string after_copyin_as_destination(unsigned disposition, const std::string& before) {
  return before[0] == 'D' ? "" : after_copyin(disposition, before);
}

unsigned received_type(unsigned disposition) {
  switch (disposition) {
    case MACH_MSG_TYPE_MOVE_RECEIVE:
      return MACH_MSG_TYPE_PORT_RECEIVE;
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
      return MACH_MSG_TYPE_PORT_SEND_ONCE;
    default:
      return MACH_MSG_TYPE_PORT_SEND;
  }
}

}  // namespace netmsg::test
