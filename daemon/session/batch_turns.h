// SPDX-License-Identifier: Apache-2.0
// Whose batch goes on next (proto/local/frame.h, "Batches"). A batch that has come, or whose outstanding operation has
// ended, waits here until it is its turn: in the order in which they came, so many operations in a round of the active
// lanes, and all lanes are looked at in between. So a batch that waits for messages finds as many as a round brings, and
// one that begins another's never runs inside of it.
//
// Owner: the listener and the sessions. Owner thread only.
#pragma once

#include <memory>

#include "daemon/base/intrusive_list.h"
#include "daemon/session/active_lanes.h"
#include "proto/local/frame.h"

namespace netmsg::session {

struct BatchTurnTag;

class BatchTurns final : private ActiveLanes::Member {
 public:
  static constexpr unsigned kOperationsPerRound = local::kBatchMax;

  class Member : public base::ListNode<BatchTurnTag> {
   public:
    virtual ~Member() = default;
    // Goes on with its batch: at most so many operations, of which it says how many. Comes back by ready() if it can
    // go on further.
    virtual unsigned run_batch(unsigned operations_max) = 0;
  };

  explicit BatchTurns(std::shared_ptr<ActiveLanes> lanes) : lanes_(std::move(lanes)) {}
  ~BatchTurns() override { lanes_->leave(*this); }

  // Idempotent. A member that is destroyed, or unlinked, has no turn any more.
  void ready(Member& member);

 private:
  bool look() override;
  bool park() override { return ready_.empty(); }
  void ring() override {}

  const std::shared_ptr<ActiveLanes> lanes_;
  base::IntrusiveList<Member, BatchTurnTag> ready_;
};

}  // namespace netmsg::session
