// SPDX-License-Identifier: Apache-2.0
// What the parts of the engine share: the clock, the limits, the link, the registry of ports and spaces, the
// work that is left for the end of the event, and the outbox of completions. Built by Engine, used inside the
// engine only.
//
// An event (Event, engine.h) ends in this order: (1) calls that were woken go on, until none is left; (2) the
// link may append what the event left for it; (3) watches see what has become of what they watch; (4) completions are
// handed out.
#pragma once

#include <map>
#include <memory>

#include "daemon/base/clock.h"
#include "daemon/base/intrusive_list.h"
#include "daemon/base/ring_queue.h"
#include "daemon/ipc/engine.h"
#include "daemon/ipc/inheritance.h"
#include "daemon/ipc/message.h"
#include "daemon/ipc/operation_table.h"
#include "daemon/ipc/port.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

class Core {
 public:
  Core(const base::Clock& clock, Limits limits);
  ~Core();

  const base::Clock& clock() const { return clock_; }
  const Limits& limits() const { return limits_; }
  RemoteLink& link() const { return *link_; }
  void set_link(RemoteLink* link);

  MessageReaper reaper;
  Counters counters;
  DeadlineQueue deadlines;
  SpareOperations spare_operations;
  OperationTable::SpareNodes spare_nodes;
  base::IntrusiveList<Port, PortRegistryTag> ports;
  std::map<std::uint64_t, std::unique_ptr<Space>> spaces;  // by id
  base::IntrusiveList<Inheritance, InheritanceTag> inheritances;
  base::IntrusiveList<Watch, TouchedTag> touched;  // watches to look at when the event ends
  ReceiveRight host_port;                          // of this host; from the engine's beginning to its end
  std::uint64_t next_space_id = 1;

  // The call goes on at the end of the event; `why` decides how.
  void wake(Operation& operation, Wake why);
  // Each of them, in the order of the list.
  void wake_all(base::IntrusiveList<Operation, WaiterTag>& waiters, Wake why);

  // The call waits for nothing any more and will not go on by itself.
  void withdraw(Operation& operation);

  void complete(Space& space, OpToken token, MsgResult&& result);
  // For the space's Completions, in this order.
  void tell_ready(Space& space, WatchId id, std::uint32_t signal);
  void tell_over(Space& space, WatchId id);
  // Forgets completions, and what is to be told, for a space that is going away.
  void drop_completions(const Space& space);

 private:
  friend class Event;
  void end_event();
  void settle();
  void settle_watches();
  void hand_out_completions();
  void hand_out_notes();

  struct Completion {
    Space* space = nullptr;  // null: dropped
    OpToken token = 0;
    MsgResult result;
  };

  struct WatchNote {
    Space* space = nullptr;  // null: dropped
    WatchId id = 0;
    std::optional<std::uint32_t> signal;  // nothing: the watch is over
  };

  const base::Clock& clock_;
  Limits limits_;
  RemoteLink* link_;
  int event_depth_ = 0;
  bool handing_out_ = false;
  base::IntrusiveList<Operation, RunnableTag> runnable_;
  base::RingQueue<Completion> outbox_;
  base::RingQueue<WatchNote> notes_;  // of watches; handed out before what is in the outbox
};

}  // namespace netmsg::ipc
