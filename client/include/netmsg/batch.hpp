// SPDX-License-Identifier: Apache-2.0
// Several sends and receives in one crossing to the daemon, for programs that stream: netmsg_msgv (<netmsg.h>), whose contract
// says in what order they are carried out, and what becomes of the others when one fails or is interrupted.
//
//   Batch batch;
//   batch.send(first, to).send(second, to).receive(answer, port, kNoWait);
//   const std::size_t begun = batch.run();
//
// A batch refers to the messages that it is given: they stay where they are until run() returns, each once in a batch.
// Memory: std::bad_alloc from send and receive; run() allocates nothing. Threads: as any value, one at a time.
#pragma once

#include <netmsg.h>

#include <cstddef>
#include <netmsg/message.hpp>
#include <netmsg/port_set.hpp>
#include <netmsg/receive_right.hpp>
#include <netmsg/received_message.hpp>
#include <netmsg/reply_right.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/timeout.hpp>
#include <vector>

namespace netmsg {

class Batch {
 public:
  // What an operation does that fails.
  enum class OnError { kGoOn, kStop };

  // As message.send(to, timeout); what becomes of the message is said there.
  Batch& send(Message& message, const SendRight& to, Timeout timeout = kForever) {
    return add_send(message, to.name(), MACH_MSG_TYPE_COPY_SEND, timeout);
  }
  // The right goes into the message at once. If that is not sent the right is still in it: resend(), or it is given up.
  Batch& send(Message& message, ReplyRight&& to, Timeout timeout = kForever) {
    const mach_msg_type_name_t type = to.type();
    add_send(message, to.name(), type, timeout);
    static_cast<void>(to.release());
    return *this;
  }
  // As from.receive_into(message, timeout), but MACH_RCV_TOO_LARGE if the message has not the room yet (256 bytes, or what it
  // has grown to): what came is still queued, for a receive_into().
  Batch& receive(ReceivedMessage& message, const ReceiveRight& from, Timeout timeout = kForever) {
    return add_receive(message, from.name(), timeout);
  }
  Batch& receive(ReceivedMessage& message, const PortSet& from, Timeout timeout = kForever) {
    return add_receive(message, from.name(), timeout);
  }

  // Carries out what has been added, and is empty again. How many have begun: always the first ones.
  std::size_t run(OnError on_error = OnError::kGoOn) {
    for (std::size_t at = 0; at < parts_.size(); ++at) prepare(parts_[at], operations_[at]);
    const unsigned begun = netmsg_msgv(operations_.data(), static_cast<unsigned>(operations_.size()),
                                       on_error == OnError::kStop ? NETMSG_STOP : 0);
    for (std::size_t at = 0; at < parts_.size(); ++at) settle(parts_[at], operations_[at]);
    parts_.clear();
    results_.swap(operations_);
    operations_.clear();
    return begun;
  }
  // Of the last run. NETMSG_NOT_BEGUN: nothing was done. REQUIRES: index below the number of its operations.
  Result<void> result(std::size_t index) const { return Result<void>::of(results_[index].result); }

 private:
  // The one or the other.
  struct Part {
    Message* sent;
    ReceivedMessage* received;
  };

  Batch& add_send(Message& message, mach_port_name_t to, mach_msg_type_name_t type, Timeout timeout) {
    add({&message, nullptr}, MACH_SEND_MSG | timeout.options(MACH_SEND_TIMEOUT), MACH_PORT_NULL, timeout);
    message.address(to, type);
    return *this;
  }
  Batch& add_receive(ReceivedMessage& message, mach_port_name_t from, Timeout timeout) {
    add({nullptr, &message}, MACH_RCV_MSG | MACH_RCV_LARGE | timeout.options(MACH_RCV_TIMEOUT), from,
        timeout);
    return *this;
  }
  void add(Part part, mach_msg_option_t option, mach_port_name_t from, Timeout timeout) {
    results_.reserve(operations_.size() + 1);
    parts_.reserve(operations_.size() + 1);
    operations_.push_back({nullptr, option, 0, 0, from, timeout.ms(), MACH_PORT_NULL, 0});
    parts_.push_back(part);
  }

  // A message for which there was no room has no size: it fails, and nothing is done.
  static void prepare(const Part& part, netmsg_operation_t& operation) {
    if (part.sent != nullptr) {
      operation.msg = part.sent->header();
      operation.send_size = part.sent->error_ == KERN_SUCCESS ? part.sent->size_ : 0;
    } else {
      part.received->clear();
      operation.msg = part.received->buffer_.header();
      operation.rcv_size = part.received->buffer_.capacity();
    }
  }
  static void settle(const Part& part, netmsg_operation_t& operation) {
    const bool begun = operation.result != NETMSG_NOT_BEGUN;
    if (part.received != nullptr) {
      if (begun) static_cast<void>(part.received->filled(operation.result));
      return;
    }
    const kern_return_t error = part.sent->error_;
    const bool tried = begun && error == KERN_SUCCESS;
    part.sent->settle(tried ? detail::fate_of(operation.result) : detail::Fate::kNothingDone);
    if (begun && error != KERN_SUCCESS) operation.result = error;
  }

  std::vector<netmsg_operation_t> operations_;
  std::vector<Part> parts_;  // of the operations
  std::vector<netmsg_operation_t> results_;
};

}  // namespace netmsg
