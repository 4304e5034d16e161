// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/message.h"

#include <cstring>
#include <new>

#include "daemon/base/check.h"

namespace netmsg::ipc {

void MessageDisposer::operator()(Message* message) const noexcept {
  message->reaper_.dispose(message);
}

MessagePtr Message::create(MessageReaper& reaper, Bytes bytes, Charge charge) {
  NETMSG_CHECK(bytes.size() >= sizeof(mach_msg_header_t));
  MessagePtr message(new (reaper.spares_.take()) Message(reaper));
  message->bytes = std::move(bytes);
  message->charge_ = std::move(charge);
  return message;
}

mach_msg_type_t Message::descriptor_at(std::uint32_t offset) const {
  mach_msg_type_t descriptor;
  std::memcpy(&descriptor, bytes.data() + offset, sizeof descriptor);
  return descriptor;
}

std::uint64_t Message::memory_bytes() const {
  std::uint64_t sum = 0;
  for (const Region& region : regions) sum += region.memory.length();
  return sum;
}

std::uint64_t Message::buffered_bytes() const {
  std::uint64_t sum = 0;
  for (const Region& region : regions) sum += region.memory.buffered_bytes();
  return sum;
}

void Message::take_apart() {
  accepted.reset();
  receipt.reset();
  destination.reset();
  reply.reset();
  for (BodyRight& item : body) item.right.reset();
  regions.clear();  // frees bytes and nothing else: its place among the rights cannot be seen
}

MessageQueue::~MessageQueue() {
  NETMSG_CHECK(empty());
}

void MessageQueue::push(MessagePtr message) {
  Message* last = message.release();
  last->next_ = nullptr;
  (head_ == nullptr ? head_ : tail_->next_) = last;
  tail_ = last;
}

MessagePtr MessageQueue::pop() {
  Message* first = head_;
  if (first != nullptr) {
    head_ = first->next_;
    first->unlink();
  }
  return MessagePtr(first);
}

// One message is taken apart at a time. What is dropped while that happens waits its turn at the end of the
// list, so the depth of nesting never becomes depth of the stack.
void MessageReaper::dispose(Message* message) {
  pending_.push(MessagePtr(message));
  if (!running_) work();
}

void MessageReaper::refuse(CarriedRight right) {
  const bool running = std::exchange(running_, true);
  right.reset();
  running_ = running;
  if (!running) work();
}

void MessageReaper::work() {
  running_ = true;
  while (Message* next = pending_.pop().release()) {
    next->take_apart();
    next->~Message();
    spares_.give(next);
  }
  running_ = false;
}

}  // namespace netmsg::ipc
