// SPDX-License-Identifier: Apache-2.0
// What the link wants to hear of a message that a program of another host has forced in: that it has left its
// queue (spec 03 §6, 06 §5; peer protocol N3). The message owns it and drops it when a receiver has picked the
// message up or when the message is destroyed: dropping it calls RemoteLink::left_queue. It is for the link what
// an AcceptedRequest is for a program here. Null, if nobody wants to hear: every other message.
#pragma once

#include <cstdint>
#include <utility>

namespace netmsg::ipc {

class Core;

class Receipt {
 public:
  Receipt() = default;
  // `token`: the link's, says which message it is.
  Receipt(Core& core, std::uint64_t token) : core_(&core), token_(token) {}
  Receipt(Receipt&& other) noexcept : core_(std::exchange(other.core_, nullptr)), token_(other.token_) {}
  Receipt& operator=(Receipt&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(token_, other.token_);
    return *this;
  }
  ~Receipt() { reset(); }

  explicit operator bool() const { return core_ != nullptr; }

  void reset();

 private:
  Core* core_ = nullptr;
  std::uint64_t token_ = 0;
};

}  // namespace netmsg::ipc
