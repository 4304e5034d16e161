// SPDX-License-Identifier: Apache-2.0
// Carries out operations on a backend and writes down what it did, as the recorder of the traces did with a
// kernel (FORMAT.md): codes, messages, and every state that changed. A symbol is the operation that brought it and
// a count, so that it stays the same when other operations are left out. The backend must never use a number
// again.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/case_names.h"
#include "tests/conformance/message_codec.h"
#include "tests/conformance/sent.h"
#include "tests/model/decode.h"

namespace netmsg::model {

// A bound symbol and what it denotes.
struct Seen {
  conformance::Symbol symbol;
  conformance::NameState state;
};

class Recorder {
 public:
  // Begins a case on the backend; the destructor ends it.
  explicit Recorder(conformance::Backend& backend);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Carries it out and fills in `expected`. False: it makes no sense now (nothing of that thread is under way, its
  // task is gone, or another call has ended and has to be joined first), nothing has happened.
  bool record(conformance::Operation& operation);

  // --- for who chooses the next operation ---
  const std::vector<Seen>& seen(conformance::SpaceId space) const { return seen_.at(space); }
  bool is_busy(conformance::Thread thread) const { return under_way_.count(key(thread)) != 0; }
  // A call that has ended: until it is joined, nobody knows the names that it brought.
  std::optional<conformance::Thread> ended() const;
  bool is_dead(conformance::SpaceId space) const { return dead_.count(space) != 0; }

 private:
  using ThreadKey = std::pair<conformance::SpaceId, bool>;
  static ThreadKey key(conformance::Thread thread) { return {thread.space, thread.second}; }
  // The latest call of a thread.
  struct Call {
    std::int32_t option = 0;
    bool sends = false;
    conformance::Encoded encoded = {};
    conformance::Message message = {};  // what `encoded` was made of
    std::optional<conformance::MsgAnswer> answer = {};
  };

  bool makes_sense(const conformance::Operation& operation) const;
  void carry_out(conformance::Operation& operation);
  void port_call(conformance::Operation& operation);
  void read_answer(conformance::Operation& operation, const conformance::PortAnswer& answer);
  void begin(const conformance::Operation& operation);
  void progress(conformance::Operation& operation);
  void fetch_answers();
  void join(conformance::Operation& operation);
  void read_call(conformance::Operation& operation, const conformance::MsgAnswer& answer, const Call& call);
  std::optional<conformance::Written> read_written(const conformance::MsgAnswer& answer, const Call& call,
                                                   conformance::SpaceId space);
  conformance::ToldSize told_size(std::uint32_t size) const;
  void read_states(conformance::Operation& operation);
  void see(conformance::SpaceId space);

  void forget_unknown_data(conformance::Operation& operation);
  conformance::NameRef mention(conformance::SpaceId space, conformance::Name number);
  conformance::NameRef datum(conformance::Name number) const;
  NameReader reader(conformance::SpaceId space);

  conformance::Backend& backend_;
  conformance::CaseNames names_;
  conformance::SentMessages sent_;
  std::map<conformance::Name, conformance::NameRef> known_;  // all numbers that ever had a symbol
  std::map<std::pair<conformance::SpaceId, conformance::Symbol>, std::string> states_;
  std::map<ThreadKey, Call> under_way_;  // calls that were started and not joined
  std::set<conformance::SpaceId> dead_;
  std::map<conformance::SpaceId, std::vector<Seen>> seen_;  // since the latest operation
  conformance::Symbol next_symbol_ = 0;
};

}  // namespace netmsg::model
