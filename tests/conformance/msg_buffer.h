// SPDX-License-Identifier: Apache-2.0
// A buffer for one mach_msg that shows what the call has written into it. The interface itself says so only by the return
// code (spec 03 §§3, 5, 11, 12); whatever else has changed is found as well. One thread.
#pragma once

#include <mach/message.h>

#include "tests/conformance/backend.h"

namespace netmsg::conformance {

class MsgBuffer {
 public:
  // With this message to send, and room to receive `rcv_size` bytes.
  MsgBuffer(const Bytes& message, mach_msg_size_t rcv_size);

  mach_msg_header_t* address() { return reinterpret_cast<mach_msg_header_t*>(words_.data()); }

  // After the call.
  MsgAnswer answer(mach_msg_option_t option, mach_msg_return_t code) const;

 private:
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  Range changed() const;
  Range due(mach_msg_option_t option, mach_msg_return_t code) const;
  const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(words_.data()); }

  Bytes before_;
  mach_msg_size_t send_size_;
  mach_msg_size_t rcv_size_;
  std::vector<std::uint64_t> words_;  // aligned as a message is
};

}  // namespace netmsg::conformance
