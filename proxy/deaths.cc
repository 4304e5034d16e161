// SPDX-License-Identifier: Apache-2.0
#include "proxy/deaths.h"

#include <utility>

namespace netmsg::proxy {

// A number's sequence begins at 1, so that no number is 0.
DeathNumber Deaths::add(PeerIndex peer, Death death) {
  Last& last = by_peer_[peer];
  last.deaths.push_back(std::move(death));
  if (last.deaths.size() > kRemembered) last.deaths.pop_front();
  if (++last.given > kSequenceMask) last.given = 1;
  return peer << kSequenceBits | last.given;
}

std::optional<Death> Deaths::find(DeathNumber number) const {
  const auto found = by_peer_.find(peer_of(number));
  if (found == by_peer_.end()) return std::nullopt;
  const Last& last = found->second;
  const std::uint32_t sequence = number & kSequenceMask;
  const std::uint32_t back = last.given - sequence;  // 0: the last one
  if (sequence == 0 || sequence > last.given || back >= last.deaths.size()) return std::nullopt;
  return last.deaths[last.deaths.size() - 1 - back];
}

std::string fault_text(const Fault& fault) {
  std::string text = v1::Fence::Code_Name(fault.code);
  if (text.empty()) text = v1::Fence::Code_Name(v1::Fence::UNSPECIFIED);
  return fault.text.empty() ? text : text + ": " + fault.text;
}

std::string death_text(const Death& death) {
  switch (death.cause) {
    case Death::Cause::kPort:
      return "the port has died at its home";
    case Death::Cause::kMoved:
      return "the port has moved to a host that was not reached in time";
    case Death::Cause::kSession:
      return "the session with its home is over (" + fault_text(death.fault) + ")";
  }
  return "";
}

}  // namespace netmsg::proxy
