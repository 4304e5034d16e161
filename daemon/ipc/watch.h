// SPDX-License-Identifier: Apache-2.0
// A watch: somebody outside wants to know when a receive right or a port set has an answer for a receive that does
// not wait (spec 03 §11), that is anything but MACH_RCV_TIMED_OUT. It stands on the right, not on the name: it
// goes along with a rename, and is over when the right leaves the space or the set is destroyed.
//
//   State   a receive with timeout 0 would           event at the end of which it is so    next
//   quiet   find nothing                             a message or MACH_RCV_IN_SET to get   ready, a new signal is told
//   ready   get a message, or MACH_RCV_IN_SET        none (any more)                       quiet
//
// Only "ready" is told, as it happens (Completions::watch_ready), with a number one higher than the last. "Quiet" is
// told to a receiver who leaves things so, with his result: all signals up to a number are answered
// (MsgResult::idle). So whoever keeps signals until he is told that they are answered has one whenever the watch is
// ready; he can have one that is out of date, until the next receive.
//
// Owned by its space; port and set point back to it. Owner thread only.
#pragma once

#include "daemon/base/intrusive_list.h"
#include "daemon/ipc/engine.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Port;
class PortSet;
class Space;
struct TouchedTag;

class Watch : public base::ListNode<TouchedTag> {
 public:
  Watch(Space& space, WatchId id, Port& port);
  Watch(Space& space, WatchId id, PortSet& set);
  ~Watch();

  WatchId id() const { return id_; }
  bool ready() const { return ready_; }
  std::uint32_t signal() const { return signal_; }
  // What the state is to be at the end of the event.
  bool has_answer() const;

  // Something has changed that the state may depend on: it is looked at when the event ends.
  void touch();
  void settle();
  // The right is gone: tells, and destroys the watch.
  void over();
  // What a receiver is told.
  Idle idle();

  std::uint32_t watchers = 0;

 private:
  Space& space_;
  const WatchId id_;
  Port* const port_;    // one of the two
  PortSet* const set_;  // is null
  bool ready_ = false;
  std::uint32_t signal_ = 0;
};

// The watch that hears of messages for the port: its own, or that of its set. Null: nobody does.
Watch* listener_of(const Port& port);
inline void touch(Watch* watch) {
  if (watch != nullptr) watch->touch();
}

// One watcher more of what `name` denotes. KERN_INVALID_NAME; KERN_INVALID_RIGHT: neither a receive right nor a set.
Kern<Watched> begin_watch(Space& space, Name name);
// One watcher fewer; the last one takes the watch away. Nothing happens if it is over.
void end_watch(Space& space, WatchId id);
// For the result of a receive from `name`.
Idle idle_at(Space& space, Name name);

}  // namespace netmsg::ipc
