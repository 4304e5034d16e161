// SPDX-License-Identifier: Apache-2.0
// What the two Hellos of a session say, and whether it will do (peer.proto, exchange 1 step 2).
#pragma once

#include <optional>

#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"
#include "proxy/net_id.h"
#include "proxy/options.h"
#include "proxy/tables.h"
#include "proxy/transport.h"

namespace netmsg::proxy {

inline constexpr std::uint32_t kVersionMin = 1;
inline constexpr std::uint32_t kVersionMax = 1;

// A Hello that has been looked at.
struct Greeting {
  NodeId node;
  Incarnation incarnation = 0;
  std::uint64_t generation = 0;
  std::uint64_t nonce = 0;
  std::optional<FrameNumber> resumes;  // the session of that nonce; they have applied our frames up to here
  std::string name;                    // printable
  MessageLimits limits;
  std::uint32_t name_service_room = 0;
};

// Nonce left out.
v1::Hello make_hello(const Options& options, std::uint64_t generation, std::uint32_t name_service_room);

// `known`: the last session's of that peer. Faults: VERSION (both ranges named), REFUSED (ourselves, not the
// certificate's node), INCARNATION (both named), PROTOCOL (values out of range).
Check read_greeting(const v1::Hello& hello, const Options& options, const PeerIdentity& identity,
                    const std::optional<Greeting>& known, Greeting& greeting);

// The name of a Hello, fit for a log.
std::string printable_name(const std::string& name);

}  // namespace netmsg::proxy
