// SPDX-License-Identifier: Apache-2.0
// What the journals of all lives say together about the streams. What must hold:
//
//   always     what a stream's receivers wrote down is, by time, 0, 1, 2, ... without a gap or a double; there is
//              one receiver only, unless the port travels; then there may be a gap, too, if hosts have given each other up:
//              what was on the old way is lost with them, and what goes the new way is not;
//              nothing that was not sent; what was answered was received, and answered once;
//              a right that died had a cause
//   at rest,   for a stream whose right lives: all that was sent has been received and answered
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
  // Reads all journals from their begin. `faults` is for deaths to be explained.
  Verdict(const std::vector<Life>& lives, const FaultLog& faults);

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
    std::uint32_t tried = 0;
    std::uint32_t sent = 0;
    std::vector<Arrival> received;
    std::vector<bool> answered;
    std::optional<Clock::time_point> lost;
    bool has_gap = false;
  };

  void read(const Life& life);
  void take(const Life& life, const Record& record);
  void judge(const StreamId& id, Stream& stream, const FaultLog& faults);
  void judge_order(const StreamId& id, Stream& stream, const FaultLog& faults);
  static std::string text_of(const std::vector<Arrival>& received);
  static bool is_explained(const Stream& stream, const FaultLog& faults);
  void say(const StreamId& id, const std::string& what);

  std::map<StreamId, Stream> streams_;
  std::vector<std::string> violations_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace netmsg::campaign
