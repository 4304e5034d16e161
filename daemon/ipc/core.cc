// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/core.h"

#include "daemon/base/check.h"
#include "daemon/ipc/mach_msg.h"
#include "daemon/ipc/remote_link.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

namespace {

// The link of a daemon without peers: there are no proxies and no exported ports to ask about.
class NoLink final : public RemoteLink {
 public:
  bool can_carry(const Port&, const Port&, RightType, std::uint32_t) const override { return false; }
  CarryLimits carry_limits(const Port&) const override { return {0, 0}; }
  void forward(MessagePtr message) override { message->destination.consume(); }
  void hold(MessagePtr) override {}
  void unreferenced(Port&) override {}
  void room_changed(Port&) override {}
  void died(Port&) override {}
  void left_queue(std::uint64_t) override {}
  void end_of_event() override {}
  void for_each_right(const RightVisitor&) const override {}
};

RemoteLink* no_link() {
  static NoLink link;  // stateless
  return &link;
}

}  // namespace

Core::Core(const base::Clock& clock, Limits limits) : clock_(clock), limits_(limits), link_(no_link()) {}

Core::~Core() {
  NETMSG_CHECK(spaces.empty());
}

void Core::set_link(RemoteLink* link) {
  link_ = link != nullptr ? link : no_link();
}

void Core::wake(Operation& operation, Wake why) {
  operation.base::ListNode<WaiterTag>::unlink();
  deadlines.remove(operation);
  operation.wake = why;
  runnable_.push_back(operation);
}

void Core::wake_all(base::IntrusiveList<Operation, WaiterTag>& waiters, Wake why) {
  while (Operation* waiter = waiters.pop_front()) wake(*waiter, why);
}

void Core::withdraw(Operation& operation) {
  operation.base::ListNode<WaiterTag>::unlink();
  operation.base::ListNode<RunnableTag>::unlink();
  deadlines.remove(operation);
}

void Core::complete(Space& space, OpToken token, MsgResult&& result) {
  Completion& added = outbox_.push_back();
  added.space = &space;
  added.token = token;
  added.result = std::move(result);
}

void Core::tell_ready(Space& space, WatchId id, std::uint32_t signal) {
  notes_.push_back({&space, id, signal});
}

void Core::tell_over(Space& space, WatchId id) {
  notes_.push_back({&space, id, std::nullopt});
}

void Core::drop_completions(const Space& space) {
  for (std::size_t at = 0; at < notes_.size(); ++at) {
    if (notes_[at].space == &space) notes_[at].space = nullptr;
  }
  for (std::size_t at = 0; at < outbox_.size(); ++at) {
    if (outbox_[at].space == &space) outbox_[at].space = nullptr;
  }
}

// Forwarding and waking can cause each other, so both are repeated until nothing is left.
void Core::settle() {
  do {
    while (Operation* operation = runnable_.pop_front()) resume(*operation);
    link_->end_of_event();
  } while (!runnable_.empty());
}

void Core::settle_watches() {
  while (Watch* watch = touched.pop_front()) watch->settle();
}

void Core::end_event() {
  if (event_depth_ == 1) {
    settle();
    settle_watches();
    ++counters.events;
    counters.timers_pending = deadlines.size();
  }
  --event_depth_;
  if (event_depth_ == 0) hand_out_completions();
}

void Core::hand_out_completions() {
  if (handing_out_) return;  // a handler has called the engine: the outer loop goes on with what that left
  handing_out_ = true;
  while (hand_out_notes(), !outbox_.empty()) {
    Completion next = outbox_.pop_front();
    if (next.space != nullptr) next.space->completions().complete(next.token, std::move(next.result));
  }
  handing_out_ = false;
}

void Core::hand_out_notes() {
  while (!notes_.empty()) {
    const WatchNote next = notes_.pop_front();
    if (next.space == nullptr) continue;
    Completions& completions = next.space->completions();
    next.signal ? completions.watch_ready(next.id, *next.signal) : completions.watch_over(next.id);
  }
}

Event::Event(Core& core) : core_(core) {
  ++core_.event_depth_;
}

Event::~Event() {
  core_.end_event();
}

}  // namespace netmsg::ipc
