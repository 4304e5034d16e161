// SPDX-License-Identifier: Apache-2.0
// The data of a message that has come, in its frame or ahead of it (peer.proto, exchange 9): what the body check holds
// against the message, and the message takes over. A value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/ipc/memory.h"
#include "netmsg/v1/peer.pb.h"

namespace netmsg::proxy {

struct Freight {
  struct Part {
    ipc::MemoryRef memory;
    std::optional<std::uint32_t> address;  // that it was put together for; none: it came in the frame
  };
  bool spoilt = false;             // it came ahead and had to be let go of: there is nothing below
  std::optional<ipc::Bytes> body;  // that came ahead, behind room for a header
  std::vector<Part> memory;        // that is not empty, in order
};

// The memory in the frame itself.
Freight freight_in_frame(const v1::Message& wire);

}  // namespace netmsg::proxy
