// SPDX-License-Identifier: Apache-2.0
// Why a session has to end: a value that travels from whoever noticed to the peer that fences.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "netmsg/v1/peer.pb.h"

namespace netmsg::proxy {

struct Fault {
  v1::Fence::Code code = v1::Fence::UNSPECIFIED;
  std::string text;     // for people: no secrets, no bytes that a peer chose
  bool theirs = false;  // the peer has said so
};

// Empty: all is well.
using Check = std::optional<Fault>;

inline Check protocol_error(std::string text) {
  return Fault{v1::Fence::PROTOCOL, std::move(text)};
}

}  // namespace netmsg::proxy
