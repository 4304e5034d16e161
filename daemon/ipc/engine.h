// SPDX-License-Identifier: Apache-2.0
// The engine's face: events in, completions out. A deterministic state machine without I/O, threads or a
// clock of its own; one owner thread makes all calls. Each call is one event: it runs to its end, with all
// that follows from it (notifications, deaths, woken waiters), before it returns, and hands out completions
// last. A completion handler may call the engine again: that is the next event.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/message.h"
#include "daemon/ipc/quota.h"
#include "daemon/ipc/remote_link.h"
#include "daemon/ipc/right.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Core;
class Space;

struct Limits {
  std::uint32_t names_per_space = 65536;
  std::uint32_t inline_bytes = 1U << 20;  // largest message, header included
  std::uint32_t memory_bytes = 1U << 30;  // out-of-line bytes of one message
  std::uint32_t rights_per_message = 16384;
};

// The caller's label for one mach_msg call: unique among the pending ones of its space.
using OpToken = std::uint64_t;

// A watch of a space (watch.h), as the outside knows it; never 0, never used again while the space lives.
using WatchId = std::uint32_t;

// What a new watcher is told: `signal` is the current one if there is something to receive already.
struct Watched {
  WatchId id;
  std::optional<std::uint32_t> signal;
};

// What a receiver is told who leaves nothing to receive: of this watch all signals up to this one (they may have
// wrapped around) are answered. An id of 0: nothing is.
struct Idle {
  WatchId watch = 0;
  std::uint32_t signal = 0;
};

// The arguments of mach_msg (spec 03 §1); `message` holds exactly the send_size bytes of the caller's buffer,
// empty when there is no MACH_SEND_MSG. `memory` holds the bytes of the message's out-of-line items that are not
// empty, in their order. From the first that the sender could not read on there are none: what an item describes
// and does not find here is memory that is not readable (MACH_SEND_INVALID_MEMORY).
struct MsgArgs {
  mach_msg_option_t option = 0;
  mach_msg_size_t rcv_size = 0;
  Name rcv_name = 0;
  mach_msg_timeout_t timeout_ms = 0;
  Name notify = 0;
  Bytes message = {};
  std::vector<MemoryRef> memory = {};
};

// What mach_msg returns, and what is to be written into the caller's buffer: `bytes`, from `offset` on (the
// whole message; a header only; the four bytes of msgh_size; or nothing). A whole message comes with its
// out-of-line memory: the addresses at which the caller puts it go into the slots of `bytes`, which hold the page
// offsets that they must have.
struct MsgResult {
  static constexpr std::uint32_t kAll = UINT32_MAX;

  mach_msg_return_t code = MACH_MSG_SUCCESS;
  std::uint32_t offset = 0;
  Bytes bytes = {};
  std::vector<Region> regions = {};
  Charge charge = {};  // for `regions`, as long as they are kept
  // How many of MsgArgs::memory the engine took, which is for how many the deallocate bit counts (02 §6).
  std::uint32_t memory_taken = kAll;
  Idle idle = {};
};

// Where the results of a space's mach_msg calls go. Called between events, exactly once for each call, in the
// order in which the calls ended; never for calls that were pending when the space was destroyed.
class Completions {
 public:
  virtual ~Completions() = default;
  virtual void complete(OpToken token, MsgResult&& result) = 0;

  // For spaces with watches. There is something to receive now.
  virtual void watch_ready(WatchId, std::uint32_t /*signal*/) {}
  // What was watched is gone, and so is the watch.
  virtual void watch_over(WatchId) {}
};

struct Counters {
  std::uint64_t events = 0;         // calls that changed or read the engine
  std::uint64_t messages_sent = 0;  // accepted: queued, handed over, forwarded or destroyed on arrival
  std::uint64_t messages_received = 0;
  std::uint64_t timers_pending = 0;  // blocked calls with a deadline
};

// One row of `netmsgctl ports`.
struct PortRow {
  Name name;
  mach_port_type_t type;  // MACH_PORT_TYPE_* bits, as mach_port_type
  std::uint32_t urefs;
  std::uint32_t queued;  // for receive rights
  std::uint32_t qlimit;  // for receive rights
  bool remote;           // the port's receive right is on another host
  std::uint32_t death;   // for dead names: Port::death
};

struct SpaceRow {
  std::uint64_t id;
  std::string label;
  std::uint32_t names;
  std::uint32_t blocked_calls;
};

class Engine {
 public:
  Engine(const base::Clock& clock, Limits limits);
  ~Engine();  // destroys what is left
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // At most one link; set before the first export, valid until the engine is gone or set again (null: none).
  void set_link(RemoteLink* link);

  // --- spaces ---
  // A new task's space; it holds a send right for its own task port under kTaskSelfName. `account` pays and
  // must outlive the engine. The space is alive until destroy_space, which the caller owes exactly once.
  Space& create_space(std::string label, Account& account, Completions& completions);
  // A thread of the task has ended, and its port with it (05 §6). `thread` is its label: that of its calls.
  void end_thread(Space& space, OpToken thread);
  // Puts the right into a slot of the task's registered ports (05 §6). REQUIRES: slot < 4.
  void register_port(Space& space, unsigned slot, SendRight right);
  // Task exit (01 §14): everything in the space is given up, pending calls end without a completion.
  void destroy_space(Space& space);

  // --- mach_msg (spec 03) ---
  // REQUIRES: no pending call of this space has this token. The result arrives through Completions, maybe
  // before this returns.
  void mach_msg(Space& space, OpToken token, MsgArgs args);
  // Interrupts a blocked call: it ends with MACH_SEND_INTERRUPTED or MACH_RCV_INTERRUPTED. Nothing happens if
  // the call is not pending any more (03 §14: the race is decided in favour of the message).
  void cancel(Space& space, OpToken token);

  // --- watches (watch.h) ---
  // One watcher more of the receive right or port set. KERN_INVALID_NAME, KERN_INVALID_RIGHT.
  Kern<Watched> watch(Space& space, Name name);
  // One watcher fewer. Nothing happens if the watch is over.
  void unwatch(Space& space, WatchId id);

  // --- time ---
  // Ends the calls whose deadline has passed by the clock.
  void advance();
  std::optional<base::Instant> next_deadline() const;

  // --- rights between spaces and the daemon's own parts (each an event) ---
  // A send right for what `name` denotes there (COPY_SEND, or MAKE_SEND without counting if only the receive
  // right is held). KERN_INVALID_NAME, KERN_INVALID_RIGHT.
  Kern<SendRight> copy_send(Space& space, Name name);
  // Puts a send right into a space (04 §5): the existing name, or a new one. KERN_NO_SPACE destroys the
  // right; KERN_INVALID_RIGHT if its port is dead.
  Kern<Name> insert_send(Space& space, SendRight right);

  // --- for the link ---
  // A proxy: the caller holds its receive right, and dropping that kills the proxy (dead names). Its
  // window starts at `room`.
  ReceiveRight make_remote_port(std::uint32_t room);
  // The home has said that `room` more messages may be under way than are settled; `outstanding` of ours are
  // under way. Wakes blocked senders for the room there is.
  void set_window(Port& proxy, std::uint32_t room, std::uint32_t outstanding);
  // A message from another host, all rights settled. Goes into the queue whatever its limit (the sender held
  // a credit); destroyed with its rights if the destination is dead.
  void deliver(MessagePtr message);
  // The link holds this message, that another host has sent, as if it were one of ours (RemoteLink::hold): it counts.
  void count_held(const Message& message);
  // The same for one that the link holds.
  void deliver_held(MessagePtr message);
  // A message from another host brings receive rights (Port::arrive): these are on their way to its destination from
  // now on, and one that the destination is on its way to makes the message circular (03 §9). REQUIRES: the
  // destination is alive; before deliver().
  void send_on_its_way(Message& message);
  // For deliver(): `bytes` is the message in the layout of 02 with its name slots zero. May overdraw the account:
  // what has been appended to a session cannot be refused any more.
  MessagePtr new_message(Account& account, Bytes bytes);

  // --- looking in ---
  const Counters& counters() const;
  std::vector<SpaceRow> spaces() const;
  std::vector<PortRow> ports(const Space& space) const;
  Space* find_space(std::uint64_t id) const;  // null if there is none (any more)

  // Recounts every right from the places that hold them and compares with the ports' counters. Each line is
  // one imbalance, in words; empty means balanced (spec 09 §2).
  std::vector<std::string> audit() const;
  // audit() and the structure of every table; stops the process at the first thing that does not hold. For
  // tests and simulations, after every event.
  void check_invariants() const;
  // A value that is equal for equal states: names, rights, queues, counts; not addresses, not the clock.
  std::uint64_t digest() const;

  Core& core() { return *core_; }

 private:
  std::unique_ptr<Core> core_;
};

// Everything between the construction and the destruction of an Event is one event of the engine. Engine's
// calls make their own; the link makes one around the application of a batch of frames, and whoever drops
// rights outside of any call makes one around that. Events nest: the outermost one counts.
class Event {
 public:
  explicit Event(Engine& engine) : Event(engine.core()) {}
  explicit Event(Core& core);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

 private:
  Core& core_;
};

}  // namespace netmsg::ipc
