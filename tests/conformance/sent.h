// SPDX-License-Identifier: Apache-2.0
// What has been sent in one case: the latest call of each thread, and all messages, to whose sizes and bodies later lines
// of the trace refer. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "tests/conformance/message_codec.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

// A call that is or was under way: what its thread may get back.
struct Sent {
  const Message* message = nullptr;  // null: the call does not send
  Encoded encoded = {};
  mach_msg_size_t rcv_size = 0;

  std::uint32_t size() const { return static_cast<std::uint32_t>(encoded.bytes.size()); }
};

struct SentMessages {
  std::map<std::uint32_t, std::uint32_t> sizes = {};        // by operation
  std::vector<std::pair<std::int32_t, Bytes>> bodies = {};  // with their ids

  void add(const Operation& operation, const Bytes& bytes);
};

}  // namespace netmsg::conformance
