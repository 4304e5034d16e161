// SPDX-License-Identifier: Apache-2.0
// A mach_msg call that could not end at once: data, not a stopped thread. It waits in exactly one place, or
// is about to go on (on the core's runnable list) with the reason in `wake`. Owned by its space.
//
//   phase       waits in                       woken by
//   kSending    senders of the destination     room, death of the port, deadline, cancel
//   kReceiving  receivers of a port or a set   hand-over, too large, death/move/set change, deadline, cancel
#pragma once

#include <map>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/intrusive_list.h"
#include "daemon/base/spare_memory.h"
#include "daemon/ipc/engine.h"
#include "daemon/ipc/message.h"

namespace netmsg::ipc {

struct WaiterTag;
struct RunnableTag;

enum class Wake {
  kNone,         // still waiting
  kRoom,         // look at the destination again
  kHandedOver,   // `message` is the one received
  kTooLarge,     // the message found was larger than a MACH_RCV_LARGE buffer; `too_large_size`
  kPortDied,     // the receive right was destroyed or moved away
  kPortChanged,  // the port joined a set
  kTimedOut,
  kInterrupted,
};

class Operation;
using SpareOperations = base::SpareMemory<Operation>;

struct OperationDisposer {
  void operator()(Operation* operation) const noexcept;
};
using OperationPtr = std::unique_ptr<Operation, OperationDisposer>;

class Operation : public base::ListNode<WaiterTag>, public base::ListNode<RunnableTag> {
 public:
  enum class Phase { kSending, kReceiving };

  // `spares` outlives it.
  static OperationPtr create(SpareOperations& spares, Space& space, OpToken token, Phase phase,
                             MsgArgs&& args) {
    return OperationPtr(new (spares.take()) Operation(spares, space, token, phase, std::move(args)));
  }

  bool waiting() const { return base::ListNode<WaiterTag>::linked(); }
  // Does a message of this size have to be left for somebody else? (RCV_LARGE and a small buffer.)
  bool refuses(std::uint32_t size) const {
    return (args.option & MACH_RCV_LARGE) != 0 && size > args.rcv_size;
  }

  Space& space;
  const OpToken token;
  Phase phase;
  Wake wake = Wake::kNone;
  MsgArgs args;
  MessagePtr message;  // kSending: to be sent. kReceiving: set when handed over.
  std::uint32_t too_large_size = 0;
  std::optional<std::pair<base::Instant, std::uint64_t>> deadline;  // its place in the DeadlineQueue

 private:
  friend struct OperationDisposer;
  Operation(SpareOperations& spares, Space& in_space, OpToken with_token, Phase in_phase, MsgArgs&& with_args)
      : space(in_space), token(with_token), phase(in_phase), args(std::move(with_args)), spares_(spares) {}

  SpareOperations& spares_;
};

inline void OperationDisposer::operator()(Operation* operation) const noexcept {
  SpareOperations& spares = operation->spares_;
  operation->~Operation();
  spares.give(operation);
}

// The deadlines of waiting calls, earliest first; equal ones in the order in which they were set.
class DeadlineQueue {
 public:
  void add(Operation& operation, base::Instant when) {
    operation.deadline = {when, next_sequence_++};
    queue_.emplace(*operation.deadline, &operation);
  }
  void remove(Operation& operation) {
    if (!operation.deadline) return;
    queue_.erase(*operation.deadline);
    operation.deadline.reset();
  }
  // The earliest call whose deadline is not after `now`; null if there is none.
  Operation* due(base::Instant now) const {
    return !queue_.empty() && queue_.begin()->first.first <= now ? queue_.begin()->second : nullptr;
  }
  std::optional<base::Instant> earliest() const {
    if (queue_.empty()) return std::nullopt;
    return queue_.begin()->first.first;
  }
  std::size_t size() const { return queue_.size(); }

 private:
  std::map<std::pair<base::Instant, std::uint64_t>, Operation*> queue_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace netmsg::ipc
