// SPDX-License-Identifier: Apache-2.0
// Several mach_msg calls that came in one frame (proto/local/frame.h, "Batches"): the operations that are left, and the
// answers so far. Pure: the lane carries the operations out.
//
//   state     event                                 next
//   ready     next(), none is left to begin: over() -         answer()
//             next()                                outstanding
//   outstanding  ended()                            ready
//   any       cancel()                              the same; nothing is left to begin
//
// Owner: the lane, until it is answered. Pays for itself as long as it is there. Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/quota.h"
#include "daemon/session/channel.h"
#include "daemon/session/dispatch.h"

namespace netmsg::session {

class Batch {
 public:
  Batch(std::uint64_t id, BatchArgs args, ipc::Charge charge);

  bool outstanding() const { return outstanding_; }
  // Nothing is left to begin.
  bool over() const;
  // The next operation begins. REQUIRES: none is outstanding, and it is not over.
  ipc::MsgArgs next();
  // The outstanding one has ended.
  void ended(ipc::MsgResult&& result);
  void cancel() { cancelled_ = true; }

  struct Answer {
    std::vector<std::byte> frame;
    Attachments files;
    ipc::Charge charge;  // of the memory in it
  };
  // REQUIRES: it is over, and none is outstanding.
  Answer answer();

  // The answer to a batch of which nothing was begun.
  static std::vector<std::byte> answer_of_none(std::uint64_t id);

 private:
  const std::uint64_t id_;
  BatchArgs args_;
  const ipc::Charge charge_;
  std::uint32_t begun_ = 0;
  bool outstanding_ = false;
  bool cancelled_ = false;
  bool is_last_ = false;  // nothing may follow the last answer
  std::size_t last_at_;   // where the last answer begins in the frame
  Answer answer_ = {};    // with the answers so far
};

}  // namespace netmsg::session
