// SPDX-License-Identifier: Apache-2.0
// Where a replay of one case must not expect what the trace says: the rules of the traces' DEVIATIONS.md, each
// recognised by what it presupposes and by the difference that it predicts, never by the name of a case.
// Whoever finds a difference asks here; each excuse is noted with its section. (Rules A and B of §1.1 are no
// excuses: they are how names are read; see symbols.h and replay.cc. Nor is deviation 6: see written.cc.)
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/conformance/case_names.h"
#include "tests/conformance/message_codec.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

struct Excuse {
  std::string_view section;
  std::uint32_t operation;
};

class Excuses {
 public:
  explicit Excuses(const Case& recorded) : case_(recorded) {}

  enum class Verdict {
    kNone,           // a fault of the implementation
    kGoesOn,         // all the rest is as recorded
    kOver,           // what follows in the case means nothing
    kOverUnchanged,  // the same; this operation has changed nothing
  };

  // A message goes out (§2, `portsize64`).
  void sent(const Operation& operation);
  // A code other than recorded, of a call that sent `sent_size` bytes (§2).
  Verdict code(const Operation& operation, std::uint32_t sent_size, std::string_view found);
  // States other than recorded, though the code is as recorded: was the message so much shorter than recorded
  // that nothing was consumed (§2, `trunc.longdesc`)?
  Verdict states(const Operation& operation, std::uint32_t sent_size);
  // One state other than recorded; `before` the operation it was as recorded (§1, deviation 2).
  Verdict state(const Operation& operation, SpaceId space, Symbol symbol, std::string_view before,
                std::string_view expected, std::string_view found);
  // Memory of this item that is gone, and was kept in the recording (§2, `bodyfail`).
  Verdict memory_gone(const Operation& operation, const Item& item);
  // Another message was received than recorded (§1, deviation 1).
  Verdict message(const Operation& operation, std::int32_t found_id);
  // The message whose line is `line` came before that of this operation (§4.1, see arrivals.h).
  Verdict arrival(const Operation& operation, const Written& line);
  // The name in a received notification: is it that of another dead name of the same death (§1, deviation 5)?
  Verdict datum(const Operation& operation, const NameRef& expected, Name found, CaseNames& names);
  // A size where the trace says `notification` (§3.1). `sizes`: of the messages sent, by operation.
  Verdict told_size(const Operation& operation, std::uint32_t found,
                    const std::map<std::uint32_t, std::uint32_t>& sizes);

  // --- what the trace says, as the replay comes to it ---
  // A `=` line.
  void recorded_state(const Operation& operation, SpaceId space, Symbol symbol, std::string_view before,
                      std::string_view after);
  // A started send that is blocked; a message that was received as recorded.
  void sender_blocks(const Operation& operation) { blocked_senders_.push_back(operation.call.message->id); }
  void received(const Operation& operation);

  const std::vector<Excuse>& used() const { return used_; }

 private:
  using Entry = std::pair<SpaceId, Symbol>;
  Verdict excuse(const Operation& operation, std::string_view section, Verdict verdict);
  bool is_next_message(const Operation& operation, std::int32_t id) const;
  bool is_set(SpaceId space, const NameRef& name) const;

  const Case& case_;
  std::vector<Excuse> used_;
  std::vector<std::int32_t> blocked_senders_;  // ids of their messages, who blocked first comes first
  std::map<Entry, std::uint32_t> requests_;    // dead-name requests: the operation that registered them
  std::map<Entry, std::uint32_t> deaths_;      // entries that died with a request: the operation
  std::map<Entry, std::uint32_t> registered_;  // of those: when the request was registered
  std::set<Entry> recorded_;                   // of those: the trace has come to their notification
  std::set<Entry> told_;                       // of those: their notification has been received
};

}  // namespace netmsg::conformance
