// SPDX-License-Identifier: Apache-2.0
// What an observer of the whole world knows that no daemon does: which port is which, what every client has sent and
// received, and where a fence excuses a loss. Kept by the clients' verbs and the events of the world.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/ipc/port.h"
#include "proxy/port_uid.h"
#include "tests/sim/meetings.h"
#include "tests/sim/story.h"

namespace netmsg::sim {

// A port of the world, at home anywhere. 0: none, or none that is known any more.
using PortId = std::uint32_t;
// A client, over all restarts.
using ClientId = std::uint32_t;

constexpr std::uint32_t bit(HostIndex host) {
  return 1U << host;
}

// A no-senders request.
struct Watch {
  PortId of;
  std::uint64_t moves;  // of that port, when it was asked for
  std::uint64_t since;  // Ledger::clock() then
  bool replaced;        // by another one; its answer may be under way
};

struct PortFacts {
  HostIndex home;           // where it was at home last
  std::uint32_t homes = 0;  // all of them, as bits
  // There. Empty: its host has crashed. Keeps the memory, so that addresses are never reused.
  ipc::PortRef port = {};
  bool born = false;  // made by a client: else it has come from another host under no uid that we know
  std::uint64_t once_born = 0;   // send-once rights made
  std::uint64_t once_heard = 0;  // messages received that came by one
  std::uint64_t once_silent_max =
      0;  // that may go without a word: who would inherit a port on its way there (01 §10)
  bool once_unsure = false;                // a failed call may have made some
  std::int64_t accepted_due = 0;           // msg-accepted notifications that are to come
  std::vector<std::uint32_t> forced = {};  // the messages that they are about, and others before
  std::size_t accepted_heard = 0;
  unsigned limit_max = MACH_PORT_QLIMIT_MAX;    // of its queue, ever
  std::optional<std::uint32_t> silent_at = {};  // no-senders was heard with this make-send count
  std::optional<Watch> watch = {};              // whose answer comes here
  bool restless = false;    // it may be inherited: its receive right moves when it would be destroyed
  std::uint64_t moves = 0;  // of its receive right: each may set the make-send count to zero
};

struct MessageFacts {
  enum class State { kBegun, kAccepted, kFailed, kReceived };
  // Rights of the body that stand together.
  struct Rights {
    PortId port;
    unsigned array;  // elements; 0: inline
    bool receive;
  };
  ClientId sender;
  HostIndex from;
  PortId to;
  PortId reply;
  std::vector<Rights> body;
  std::size_t memory;  // out of line, in bytes
  State state = State::kBegun;
  std::uint64_t order = 0;  // of acceptance
  std::uint64_t begun = 0;  // Ledger::clock() when the call began
  bool in_circle =
      false;  // of ports on their way into each other: one of the messages is destroyed to end it
};

class Ledger {
 public:
  Ledger(std::size_t hosts, const Time& now, Story& story)
      : hosts_(hosts),
        story_(story),
        meetings_(hosts, now),
        fences_(hosts * hosts),
        losses_(hosts * hosts),
        absences_(hosts * hosts) {}

  // --- ports ---
  // The id of a port that is at home there; a new one at the first time. `uid`: what other daemons call it.
  PortId know(HostIndex home, ipc::Port& port, const std::optional<proxy::PortUid>& uid);
  PortId find(const proxy::PortUid& uid) const;
  // A port that was at home there leaves for `next` under this uid: `is_it` knows which one.
  void departs(HostIndex home, HostIndex next, const proxy::PortUid& uid,
               const std::function<bool(const ipc::Port&)>& is_it);
  PortFacts& port(PortId id) { return ports_[id - 1]; }
  bool dead(PortId id) const;
  // It has been at home on several hosts, or is on its way.
  bool has_moved(PortId id) const;
  // Its receive right has left, and has not been seen anywhere yet: it may have died where it arrived.
  bool under_way(PortId id) const;
  // No-senders was heard, and nobody has made a send right since.
  bool silent(PortId id) const;
  // From now on no-senders of the one is heard at the other; elsewhere only if it has fired before.
  void watch(PortId of, PortId answer);
  // Its receive right goes into a message; or may at any time from now on, to the port that inherits it.
  void moves(PortId id);
  void inherited(PortId id, PortId heir);
  void crashed(HostIndex host);
  std::size_t ports() const { return ports_.size(); }
  // Those that live and are at home there.
  void for_each_at(HostIndex home, const std::function<void(PortId, const ipc::Port&)>& visit) const;

  // --- links ---
  // `here` has a session with `there`; has none any more.
  void opened(HostIndex here, HostIndex there);
  void fenced(HostIndex here, HostIndex there);
  // From now on a fence is no surprise.
  void expect_fences() { fences_expected_ = true; }
  // Messages or rights from one to the other were destroyed for a ceiling.
  void lost(HostIndex a, HostIndex b) { losses_[slot(a, b)] = ++clock_; }
  std::uint64_t clock() const { return clock_; }
  // Did that happen between any two of those hosts since then, or has it for only one of two by now? So it may have been on
  // the way of a right or a message between them.
  bool fenced_since(std::uint64_t then, std::uint32_t hosts) const {
    return since(then, hosts, fences_) || meetings_.someone_is_alone(hosts);
  }
  bool lost_since(std::uint64_t then, std::uint32_t hosts) const { return since(then, hosts, losses_); }
  // Or had two of them no session for so long that rights, which wait for one, were given up?
  bool apart_since(std::uint64_t then, std::uint32_t hosts) const;

  // The news that the port, which lives, is dead for that host is on its way there: since a fence nobody takes any more what
  // it sends to the port, or gives to others of it, but it has not heard of that.
  void forsaken(HostIndex host, PortId id) { forsaken_[{host, id}] = ++clock_; }
  bool forsaken_since(std::uint64_t then, HostIndex host, PortId id) const;

  // These two do not talk to each other: what one of them has cannot be given to the other one.
  void set_strangers(HostIndex a, HostIndex b) { strangers_ = bit(a) | bit(b); }
  bool has_strangers(std::uint32_t hosts) const {
    return strangers_ != 0 && (hosts & strangers_) == strangers_;
  }

  // --- messages ---
  // The id that a message carries: who sends it times kLane, and which of his it is.
  std::uint32_t begin(MessageFacts facts);
  void accepted(std::uint32_t id);
  void failed(std::uint32_t id) { message(id).state = MessageFacts::State::kFailed; }
  // I6, I7. Returns its facts.
  const MessageFacts& received(std::uint32_t id, PortId at);
  // `told` is to hear when it has left its queue; it hears that one of these has.
  void forced(std::uint32_t id, PortId told);
  void left_queue(PortId told);
  bool knows(std::uint32_t id) const { return messages_.count(id) != 0; }
  // At rest, when all queues are empty. I7: what was accepted, for a port that lives, without an excuse. I8: each
  // send-once right that is gone has led to a message.
  void expect_all_received();
  void expect_all_answered();

 private:
  static constexpr std::uint32_t kLane = 100'000;  // above the ids of notifications

  std::size_t slot(HostIndex a, HostIndex b) const { return std::min(a, b) * hosts_ + std::max(a, b); }
  // Is it excused from being received because of what became of the ports? A circle may end without its destination: ports
  // in it that are inherited live.
  bool may_vanish(const MessageFacts& facts);
  // Or because of what became of its way?
  bool may_be_lost(const MessageFacts& facts);
  bool missed_no_senders(const PortFacts& answer);
  std::int64_t lost_accepted(const PortFacts& told) const;
  // The receive right of `what` is on its way into `to`, or may be one day.
  void on_its_way(PortId what, PortId to);
  std::set<PortId> ends_in(PortId port) const;
  void settle(PortId id, HostIndex home, ipc::Port& port);
  bool since(std::uint64_t then, std::uint32_t hosts, const std::vector<std::uint64_t>& times) const;
  MessageFacts& message(std::uint32_t id) { return messages_.at(id); }

  const std::size_t hosts_;
  Story& story_;
  std::vector<PortFacts> ports_;
  std::unordered_map<const ipc::Port*, PortId> by_address_;  // of facts' ports
  std::map<proxy::PortUid, PortId> by_uid_;
  std::uint64_t clock_ = 0;
  bool fences_expected_ = false;
  std::uint32_t strangers_ = 0;
  Meetings meetings_;
  std::vector<std::uint64_t> fences_;
  std::vector<std::uint64_t> losses_;
  std::vector<std::uint64_t> absences_;                             // ended then
  std::map<std::pair<HostIndex, PortId>, std::uint64_t> forsaken_;  // until then
  std::unordered_map<std::uint32_t, MessageFacts> messages_;
  std::map<PortId, std::vector<std::uint32_t>> carriers_;  // messages that its receive right was sent in
  std::map<PortId, std::set<PortId>> heirs_;
  std::map<ClientId, std::uint32_t> sent_;  // by each client
  std::map<std::pair<ClientId, PortId>, std::uint64_t> last_order_;
  std::uint64_t next_order_ = 1;
};

}  // namespace netmsg::sim
