// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/state_text.h"

#include <array>
#include <cstdio>
#include <optional>
#include <utility>

namespace netmsg::conformance {

namespace {

std::string status_text(const mach_port_status_t& status, const Symbols& symbols) {
  std::array<char, 200> text{};  // eight short words, five numbers of at most ten digits, three booleans
  std::snprintf(text.data(), text.size(),
                " seqno=%u mscount=%u qlimit=%u msgcount=%u sorights=%u srights=%d pdrequest=%d nsrequest=%d",
                status.mps_seqno, status.mps_mscount, status.mps_qlimit, status.mps_msgcount,
                status.mps_sorights, status.mps_srights, status.mps_pdrequest, status.mps_nsrequest);
  const std::optional<Symbol> set = symbols.symbol_of(status.mps_pset);
  const std::string unknown = status.mps_pset == MACH_PORT_NULL ? "-" : std::to_string(status.mps_pset);
  return text.data() + std::string(" pset=") + (set ? "p" + std::to_string(*set) : unknown);
}

}  // namespace

std::string state_text(const SpaceView& view, Name name, const Symbols& symbols) {
  const auto found = view.find(name);
  if (found == view.end()) return "free";
  const NameState& state = found->second;
  constexpr std::pair<const char*, mach_port_right_t> kRights[] = {
      {"RECEIVE", MACH_PORT_RIGHT_RECEIVE},     {"SEND", MACH_PORT_RIGHT_SEND},
      {"SEND_ONCE", MACH_PORT_RIGHT_SEND_ONCE}, {"PORT_SET", MACH_PORT_RIGHT_PORT_SET},
      {"DEAD_NAME", MACH_PORT_RIGHT_DEAD_NAME},
  };
  std::string text;
  for (const auto& [word, right] : kRights) {
    if ((state.type & MACH_PORT_TYPE(right)) == 0) continue;
    text += (text.empty() ? "" : "+") + std::string(word) + ":" + std::to_string(state.refs[right]);
  }
  if ((state.type & MACH_PORT_TYPE_DNREQUEST) != 0) text += " DNREQUEST";
  if ((state.type & MACH_PORT_TYPE_MAREQUEST) != 0) text += " MAREQUEST";
  if ((state.type & MACH_PORT_TYPE_RECEIVE) != 0) text += status_text(state.status, symbols);
  return text;
}

}  // namespace netmsg::conformance
