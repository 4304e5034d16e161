// SPDX-License-Identifier: Apache-2.0
#include "daemon/names/inner_task.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "daemon/ipc/body_item.h"
#include "daemon/ipc/mach_port.h"
#include "daemon/names/wire.h"

namespace netmsg::names {
namespace {

using ipc::Bytes;
using ipc::Name;

using ipc::kDescriptorSize;
using ipc::kSlotSize;

mach_msg_timeout_t timeout_ms(std::chrono::milliseconds wait) {
  constexpr std::int64_t kMost = std::numeric_limits<mach_msg_timeout_t>::max();
  return static_cast<mach_msg_timeout_t>(std::clamp<std::int64_t>(wait.count(), 0, kMost));
}

// What became of a message that was not sent (03 §3).
enum class Fate { kSent, kUntouched, kGivenBack, kDestroyed };

Fate fate_of(mach_msg_return_t code) {
  switch (code & ~MACH_MSG_MASK) {
    case MACH_MSG_SUCCESS:
      return Fate::kSent;
    case MACH_SEND_TIMED_OUT:
    case MACH_SEND_INTERRUPTED:
      return Fate::kGivenBack;
    case MACH_SEND_INVALID_RIGHT:
    case MACH_SEND_INVALID_TYPE:
    case MACH_SEND_INVALID_MEMORY:
      return Fate::kDestroyed;
    default:
      return Fate::kUntouched;
  }
}

// Calls `visit` with name and type of each inline right in
// the body of a complex message of the engine's making.
template <typename Visitor>
void for_each_right(const Bytes& message, Visitor visit) {
  std::size_t at = sizeof(mach_msg_header_t);
  while (message.size() - at >= kDescriptorSize) {
    mach_msg_type_t item;
    std::memcpy(&item, message.data() + at, kDescriptorSize);
    at += kDescriptorSize;
    const std::uint64_t takes = ipc::padded(ipc::content_length(item));
    const std::size_t end = at + std::min<std::uint64_t>(takes, message.size() - at);
    const bool rights = item.msgt_inline != 0 && MACH_MSG_TYPE_PORT_ANY(item.msgt_name);
    for (; rights && end - at >= kSlotSize; at += kSlotSize) {
      Name name = ipc::kNullName;
      std::memcpy(&name, message.data() + at, sizeof(name));
      visit(name, item.msgt_name);
    }
    at = end;
  }
}

}  // namespace

InnerTask::InnerTask(ipc::Engine& engine, std::string label, ipc::Account& account)
    : engine_(engine), space_(engine.create_space(std::move(label), account, *this)) {}

InnerTask::~InnerTask() {
  engine_.destroy_space(space_);
}

ipc::OpToken InnerTask::receive(Name port, Wait wait, Received handler) {
  ipc::MsgArgs args;
  args.option = MACH_RCV_MSG | (wait ? MACH_RCV_TIMEOUT : 0);
  args.rcv_size = MACH_MSG_SIZE_MAX;
  args.rcv_name = port;
  args.timeout_ms = timeout_ms(wait.value_or(std::chrono::milliseconds(0)));
  const ipc::OpToken token = ++last_token_;
  calls_.emplace(token, Call{std::move(handler), {}, std::nullopt});
  engine_.mach_msg(space_, token, std::move(args));
  return token;
}

ipc::OpToken InnerTask::send(Bytes message, std::chrono::milliseconds wait, Sent handler) {
  ipc::MsgArgs args;
  args.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
  args.timeout_ms = timeout_ms(wait);
  args.message = message;
  const ipc::OpToken token = ++last_token_;
  calls_.emplace(token, Call{{}, std::move(handler), std::move(message)});
  engine_.mach_msg(space_, token, std::move(args));
  return token;
}

void InnerTask::forget(ipc::OpToken call) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  found->second.received = {};
  found->second.sent = {};
  engine_.cancel(space_, call);
}

void InnerTask::release(Name name, mach_msg_type_name_t type) {
  if (!ipc::is_valid_name(name)) return;
  if (type == MACH_MSG_TYPE_PORT_RECEIVE) {
    ipc::mach_port::mod_refs(space_, name, MACH_PORT_RIGHT_RECEIVE, -1);
  } else {
    ipc::mach_port::deallocate(space_, name);
  }
}

void InnerTask::release_body(const Bytes& message) {
  if (!is_complex(message)) return;
  for_each_right(message, [this](Name name, mach_msg_type_name_t type) { release(name, type); });
}

void InnerTask::release_message(const Bytes& message) {
  const ReplyTo reply = reply_to(message);
  release(reply.name, reply.type);
  release_body(message);
}

void InnerTask::complete(ipc::OpToken token, ipc::MsgResult&& result) {
  results_.emplace_back(token, std::move(result));
  if (handling_) return;
  handling_ = true;
  while (!results_.empty()) {
    auto [next, what] = std::move(results_.front());
    results_.pop_front();
    finish(next, std::move(what));
  }
  handling_ = false;
}

void InnerTask::finish(ipc::OpToken token, ipc::MsgResult result) {
  const Call call = std::move(calls_.extract(token).mapped());
  if (call.message) {
    finish_send(call, result);
  } else {
    finish_receive(call, std::move(result));
  }
}

// Before anybody looks at the message: no message of the name service has arrays, and its handlers are not told
// of them.
void InnerTask::release_arrays(const ipc::MsgResult& result) {
  for (const ipc::Region& region : result.regions) {
    mach_msg_type_t item;
    std::memcpy(&item, result.bytes.data() + region.slot - kDescriptorSize, kDescriptorSize);
    std::vector<Name> names(region.rights);
    if (!names.empty()) region.memory.read_here(0, std::as_writable_bytes(std::span(names)));
    for (const Name name : names) release(name, item.msgt_name);
  }
}

void InnerTask::finish_receive(const Call& call, ipc::MsgResult result) {
  release_arrays(result);
  if (call.received) return call.received(result.code, std::move(result.bytes));
  const mach_msg_return_t code = result.code & ~MACH_MSG_MASK;
  if (code != MACH_MSG_SUCCESS && code != MACH_RCV_BODY_ERROR) return;
  release_message(result.bytes);
}

void InnerTask::finish_send(const Call& call, const ipc::MsgResult& result) {
  switch (fate_of(result.code)) {
    case Fate::kSent:
    case Fate::kDestroyed:
      break;
    case Fate::kUntouched:
      release_unsent(*call.message);
      break;
    case Fate::kGivenBack:
      release_unsent(result.bytes);
      break;
  }
  if (call.sent) call.sent(result.code);
}

// Only what would have moved is ours to give up; copies and made rights were never taken.
void InnerTask::release_unsent(const Bytes& message) {
  const auto release_moved = [this](Name name, mach_msg_type_name_t type) {
    if (MACH_MSG_TYPE_PORT_ANY_RIGHT(type)) release(name, type);
  };
  const mach_msg_header_t head = header_of(message);
  release_moved(head.msgh_remote_port, MACH_MSGH_BITS_REMOTE(head.msgh_bits));
  release_moved(head.msgh_local_port, MACH_MSGH_BITS_LOCAL(head.msgh_bits));
  if (is_complex(message)) for_each_right(message, release_moved);
}

}  // namespace netmsg::names
