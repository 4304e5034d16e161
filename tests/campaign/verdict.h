// SPDX-License-Identifier: Apache-2.0
// What the journals of all lives say together about the streams. What must hold:
//
//   always     what a stream's receivers wrote down is, by time, 0, 1, 2, ... without a gap or a double; there is
//              one receiver only, unless the port travels;
//              nothing that was not sent; what was answered was received, and answered once;
//              a right that died had a cause
//   at rest,   for a stream whose right lives: all that was sent has been received and answered
//
// If a port travels, a message to it or its answer may be missing if hosts gave each other up since it was sent: what
// was on the old way is lost with them, and what goes the new way is not.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/campaign/fault_log.h"

namespace netmsg::campaign {

struct Life {
  std::uint32_t number;
  unsigned host;
  unsigned slot;
  bool alive;
  const Journal* journal;
};

class Verdict {
 public:
  // Reads all journals from their begin. `faults` is for deaths and gaps to be explained; `rest` is since when nothing
  // was under way any more.
  Verdict(const std::vector<Life>& lives, const FaultLog& faults, Clock::time_point rest);

  const std::vector<std::string>& violations() const { return violations_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }
  std::uint64_t streams() const { return streams_.size(); }
  std::uint64_t lost() const { return lost_; }  // streams whose right died

 private:
  using StreamId = std::pair<std::uint32_t, std::uint32_t>;
  struct Arrival {
    std::int64_t at;
    std::uint32_t number;
    std::uint32_t receiver;
  };
  struct Stream {
    const Life* opener = nullptr;
    unsigned target = 0;
    Clock::time_point opened{};
    std::vector<Clock::time_point> tried;  // each number, when for the last time
    std::uint32_t sent = 0;
    std::vector<Arrival> received;
    std::vector<bool> answered;
    std::optional<Clock::time_point> lost;
  };

  void read(const Life& life);
  void take(const Life& life, const Record& record);
  void judge(const StreamId& id, Stream& stream);
  void judge_order(const StreamId& id, Stream& stream);
  void judge_answers(const StreamId& id, const Stream& stream);
  void judge_rest(const StreamId& id, const Stream& stream);
  static std::string text_of(const std::vector<Arrival>& received);
  bool is_explained(const Stream& stream) const;
  bool may_lack(const Stream& stream, std::uint32_t number, Clock::time_point until) const;
  void say(const StreamId& id, const std::string& what);

  const FaultLog& faults_;
  const Clock::time_point rest_;
  std::map<StreamId, Stream> streams_;
  std::vector<std::string> violations_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace netmsg::campaign
