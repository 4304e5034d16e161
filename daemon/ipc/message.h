// SPDX-License-Identifier: Apache-2.0
// A message in transit: it owns its bytes, the two header rights, the rights and the out-of-line memory of its
// body, and the charge for all that. Its bytes have the layout of spec 02; name slots in them are zero while the
// message is in transit, and so are address slots but for the page offset of data (memory.h).
//
// A message dies through MessageDisposer: dropping a MessagePtr, wherever it is, puts the message on the
// reaper's work list, which takes messages apart one after the other (spec 01 §12). Owner thread only.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "daemon/base/intrusive_list.h"
#include "daemon/base/spare_memory.h"
#include "daemon/ipc/accepted_request.h"
#include "daemon/ipc/memory.h"
#include "daemon/ipc/quota.h"
#include "daemon/ipc/receipt.h"
#include "daemon/ipc/right.h"

namespace netmsg::ipc {

class MessageReaper;
struct ArrivalTag;
struct Message;

struct MessageDisposer {
  void operator()(Message* message) const noexcept;
};
using MessagePtr = std::unique_ptr<Message, MessageDisposer>;

// A right of the body and where its name goes: an 8-byte slot `offset` bytes from the start of the message, or a
// 4-byte one `offset` bytes from the start of the array that is Message::regions[region].
struct BodyRight {
  static constexpr std::uint32_t kInline = UINT32_MAX;
  std::uint32_t offset;
  CarriedRight right;
  std::uint32_t region = kInline;
};

struct Message : base::ListNode<ArrivalTag> {  // in a port set's order of arrival (port_set.h)
  // What a message of this size costs while it exists; its rights come on top (charge_rights), and so does its
  // memory (memory_cost).
  static std::uint64_t cost(std::size_t size) { return size + sizeof(Message); }
  static std::uint64_t memory_cost(std::size_t regions, std::uint64_t bytes) {
    return regions * sizeof(Region) + bytes;
  }

  // Every message is born here, empty but for its bytes (at least a header's worth). `charge` is released with
  // it.
  static MessagePtr create(MessageReaper& reaper, Bytes bytes, Charge charge);

  void charge_rights() { charge_.grow(body.size() * sizeof(BodyRight)); }
  // For memory that was not charged with the message itself.
  void charge_memory() { charge_.grow(memory_cost(regions.size(), buffered_bytes())); }
  // The engine answers a request at the expense of whoever paid for it.
  Charge take_charge() { return std::move(charge_); }

  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes.size()); }
  // The type descriptor at `offset`. REQUIRES: all of it is in the message.
  mach_msg_type_t descriptor_at(std::uint32_t offset) const;
  // Bytes of its out-of-line data, and of those the ones that are kept in the daemon's memory.
  std::uint64_t memory_bytes() const;
  std::uint64_t buffered_bytes() const;
  bool sent_to_send_once() const { return destination.type() == RightType::kSendOnce; }

  // The bits above the two type fields, as the receiver shall see them: CIRCULAR cleared, COMPLEX set only if
  // the body contained a port item (02 §3).
  mach_msg_bits_t other_bits = 0;
  mach_msg_id_t id = 0;
  std::uint32_t seqno = 0;  // stamped at dequeue (01 §7)
  Bytes bytes;
  CarriedRight destination;  // SEND or SEND_ONCE
  CarriedRight reply;
  std::vector<BodyRight> body;                // in the order of the body
  std::vector<Region> regions;                // likewise
  std::unique_ptr<AcceptedRequest> accepted;  // set if it was forced in, until it is picked up
  Receipt receipt;                            // likewise, by a program of another host
  bool circular = false;  // carries, directly or not, the receive right of its own destination (03 §9)

  // Gives up what it owns in the order of spec 01 §12: its msg-accepted request (or receipt), destination, reply, body
  // front to back.
  void take_apart();

 private:
  friend class MessageReaper;
  friend class MessageQueue;
  friend struct MessageDisposer;
  explicit Message(MessageReaper& reaper) : reaper_(reaper) {}

  MessageReaper& reaper_;
  Charge charge_;
  Message* next_ = nullptr;  // in a queue, or on the reaper's list
};

// FIFO of messages; owns them.
class MessageQueue {
 public:
  MessageQueue() = default;
  MessageQueue(MessageQueue&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)), tail_(other.tail_) {}
  MessageQueue(const MessageQueue&) = delete;
  MessageQueue& operator=(const MessageQueue&) = delete;
  ~MessageQueue();

  bool empty() const { return head_ == nullptr; }
  const Message* front() const { return head_; }
  void push(MessagePtr message);
  // Null when empty. Whoever leaves the queue leaves the order of arrival of a set, too.
  MessagePtr pop();

  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (Message* at = head_; at != nullptr; at = at->next_) visit(*at);
  }

 private:
  Message* head_ = nullptr;
  Message* tail_ = nullptr;
};

// Takes messages apart, one at a time and in the order in which they were dropped.
class MessageReaper {
 public:
  void dispose(Message* message);
  // Gives up a right that a request carried in vain, as if the request were taken apart now.
  void refuse(CarriedRight right);

 private:
  friend struct Message;
  void work();

  base::SpareMemory<Message> spares_;  // of messages
  MessageQueue pending_;
  bool running_ = false;
};

}  // namespace netmsg::ipc
