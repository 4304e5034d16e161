// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/batch_turns.h"

namespace netmsg::session {

void BatchTurns::ready(Member& member) {
  if (!member.linked()) ready_.push_back(member);
  lanes_->join(*this);
}

bool BatchTurns::look() {
  bool found = false;
  for (unsigned done = 0; done < kOperationsPerRound && !ready_.empty(); found = true)
    done += ready_.pop_front()->run_batch(kOperationsPerRound - done);
  if (ready_.empty()) lanes_->leave(*this);
  return found;
}

}  // namespace netmsg::session
