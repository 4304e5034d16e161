// SPDX-License-Identifier: Apache-2.0
// Operations that go to the daemon together (proto/local/frame.h, "Batches"): their requests in one piece, and the answers
// but the last one as they came. Large, but only pages that are used are ever there. Allocates nothing: a handler's longjmp
// may leave it anywhere, and begin() makes it new.
//
// States: begun; add()ed to; answered (room_for()), then next_answer() for each answer but the last.
// Owner: the thread's state (task.h). Threads: the owning one.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "client/src/memory.h"
#include "proto/local/frame.h"

namespace netmsg::client {

class Batch {
 public:
  Batch() {}  // leaves its bytes as they are

  // `stops`: at the first operation that does not succeed.
  void begin(bool stops);
  // One more, whose bytes are readable. False: there is no room for it.
  bool add(const local::MachMsg& request, void* buffer);
  std::uint32_t count() const { return head_.count; }
  void* buffer(std::uint32_t index) const { return buffers_[index]; }

  // The payload of the frame, in one piece. Valid until the next call.
  iovec request();
  // Where the answers before the last go; null: such an answer cannot be.
  iovec room_for(const local::BatchDone& head);

  struct Answer {
    local::MachMsgDone done;
    const std::byte* bytes;
  };
  // The next one; nothing: it is not whole.
  std::optional<Answer> next_answer();

 private:
  static constexpr std::size_t kSize = local::kBatchBytesMax;

  local::Batch head_{};
  std::size_t used_ = 0;          // of request_
  std::size_t answers_size_ = 0;  // of answers_
  std::size_t answers_at_ = 0;    // the next one
  std::array<void*, local::kBatchMax> buffers_;
  std::array<std::byte, kSize> request_;
  std::array<std::byte, kSize> answers_;
};

}  // namespace netmsg::client
