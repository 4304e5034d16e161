// SPDX-License-Identifier: Apache-2.0
// DEVIATIONS.md §4.1: messages that one operation causes, at one port, from different hosts come in any order. Which
// operation caused which message is read off the trace: queues are first-in-first-out, and the states tell how many
// messages each operation added.
//
// A network cannot do otherwise: each message is made where its cause lies (a death's send-once notification where the right
// was destroyed, its dead-name notification where the name is), and nothing orders what two hosts do about one event but
// the time that its news takes. Messages from one host stay in order.
//
// Only for backends with several hosts. Owned by one replay.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tests/conformance/case_names.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

class Arrivals {
 public:
  explicit Arrivals(const Case& recorded);

  // `found` was received by `operation`. If that is not what the trace says, but another message of the same cause that may
  // have come first: that one's line. From then on the operation's own line is due later.
  std::optional<Written> line_of(const Operation& operation, const Bytes& found, CaseNames& names);

 private:
  using Port = std::pair<SpaceId, Symbol>;
  using Queue =
      std::deque<std::uint32_t>;  // of each message that waits the operation that caused it; 0: unknown
  using Cause = std::pair<Port, std::uint32_t>;
  // The receives of the messages of one cause; those whose messages have not been found yet.
  struct Lines {
    std::vector<const Operation*> all;
    std::vector<const Operation*> due;
  };

  void follow(const Operation& operation);
  void follow_rename(const Operation& operation);
  void follow_state(const Operation& operation, const Port& port, std::string_view state, bool received);
  void take(const Operation& operation, const Port& port, std::uint32_t cause);

  std::map<Port, Queue> queues_;
  std::map<Cause, Lines> lines_;
  std::map<std::uint32_t, Cause> causes_;  // of what each receive gets
};

}  // namespace netmsg::conformance
