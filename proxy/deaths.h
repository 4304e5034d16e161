// SPDX-License-Identifier: Apache-2.0
// Why proxies died and sessions ended, for whoever asks what a dead name was (`netmsgctl port`, `peers`). One for the
// daemon. The engine carries a number from a dying proxy to the names that denoted it (Port::death); what the number
// means stands here.
//
// A cause is remembered once, not once for each port: a fence is one cause for all proxies of its session. Of each
// peer only the last kRemembered causes are kept, so nobody makes us forget what another one did. Owner thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "daemon/base/clock.h"
#include "proxy/fault.h"
#include "proxy/link_slot.h"

namespace netmsg::proxy {

struct Death {
  enum class Cause {
    kPort,     // its home has said so: Died
    kMoved,    // it is at home elsewhere, and we had no session with that daemon in time
    kSession,  // the session with its home is over; `fault` says why
  };
  Cause cause;
  Fault fault;
  base::Instant when{};
};

// What stands in Port::death: 0 is a port that died on this host.
using DeathNumber = std::uint32_t;

class Deaths {
 public:
  static constexpr std::size_t kRemembered = 256;

  // A cause that has to do with this peer. Its number; after 2^17 causes of one peer they begin anew.
  DeathNumber add(PeerIndex peer, Death death);
  // Nothing: forgotten, or never given.
  std::optional<Death> find(DeathNumber number) const;
  static PeerIndex peer_of(DeathNumber number) { return (number >> kSequenceBits) & (kPeersMax - 1); }

 private:
  static constexpr unsigned kSequenceBits = 17;
  static constexpr std::uint32_t kSequenceMask = (1U << kSequenceBits) - 1;

  struct Last {
    std::uint32_t given = 0;   // how many so far
    std::deque<Death> deaths;  // the last of them, oldest first
  };
  std::map<PeerIndex, Last> by_peer_;
};

// "PROTOCOL: release of nothing", with who has said so.
std::string fault_text(const Fault& fault);
// The cause in words, without the peer.
std::string death_text(const Death& death);

}  // namespace netmsg::proxy
