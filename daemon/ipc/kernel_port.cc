// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/kernel_port.h"

#include <mach/mig_errors.h>

#include <algorithm>
#include <cstring>

#include "daemon/ipc/core.h"
#include "daemon/ipc/kernel_item.h"
#include "daemon/ipc/kernel_reply.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc::kernel_port {

namespace {

// All 64 bits, as the receiving half of a stub compares them.
bool is_described(const Message& message, std::uint32_t offset, Item item) {
  const mach_msg_type_t found = message.descriptor_at(offset);
  mach_msg_type_t expected = descriptor_of(item);
  if (item == Item::kRight && MACH_MSG_TYPE_PORT_ANY_RIGHT(found.msgt_name)) {
    expected.msgt_name = found.msgt_name;
  }
  if (is_array(item)) expected.msgt_number = found.msgt_number;
  return std::memcmp(&found, &expected, sizeof found) == 0;
}

// Has the request exactly the form of its call?
bool is_well_formed(const Message& request, const Call& call) {
  if (call.arguments[0] == Item::kAny) return true;
  if (request.size() != size_of(kHeaderSize, call.arguments)) return false;
  const bool complex = (request.other_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  if (complex != is_complex(call.arguments)) return false;
  std::uint32_t offset = kHeaderSize;
  for (const Item item : call.arguments) {
    if (item != Item::kNone && !is_described(request, offset, item)) return false;
    offset += item_size(item);
  }
  return true;
}

std::uint64_t load_value(const Message& request, std::uint32_t offset, Item item) {
  std::uint64_t value = 0;
  std::memcpy(&value, request.bytes.data() + offset, item == Item::kLong ? 8 : 4);
  return value;
}

// The right is where the call wants it, no longer on its way there.
CarriedRight take_right(BodyRight& item) {
  if (item.right.holds_receive()) item.right.port()->leave_transit();
  return std::move(item.right);
}

// REQUIRES: well formed; so the rights of the body are those of the call, in its order.
CallInput take_input(Message& request, const Call& call) {
  CallInput in;
  std::uint32_t offset = kHeaderSize;
  std::size_t values = 0;
  for (const Item item : call.arguments) {
    if (item == Item::kNone || item == Item::kAny) break;
    if (!is_complex(item)) in.values[values++] = load_value(request, offset + sizeof(mach_msg_type_t), item);
    offset += item_size(item);
  }
  if (!is_complex(call.arguments)) return in;
  for (BodyRight& item : request.body) in.rights.push_back(take_right(item));
  request.body.clear();
  return in;
}

kern_return_t carry_out(Message& request, const Call* call, CallOutput& out) {
  if (call == nullptr) return MIG_BAD_ID;
  if (!is_well_formed(request, *call)) return MIG_BAD_ARGUMENTS;
  const KernelObject object = request.destination.port()->object();
  CallInput in = take_input(request, *call);
  return call->run(object, in, out);
}

bool is_answerable(const Message& request) {
  return request.reply.port() != nullptr && !request.reply.is_dead();
}

// Can the results follow the reply to its host?
bool can_travel(const Message& request, const Call& call, const CallOutput& out) {
  const Port& destination = *request.reply.port();
  if (!destination.remote()) return true;
  const RemoteLink& link = destination.core().link();
  const RemoteLink::CarryLimits limits = link.carry_limits(destination);
  if (reply_bytes(call, out) > limits.bytes) return false;
  if (out.rights.size() > limits.rights) return false;
  std::uint32_t others = 0;
  return std::all_of(out.rights.begin(), out.rights.end(), [&](const CarriedRight& right) {
    return right.is_null() || right.is_dead() ||
           link.can_carry(destination, *right.port(), right.type(), others++);
  });
}

}  // namespace

void serve(MessagePtr request) {
  const Call* call = find_call(request->id);
  CallOutput out;
  kern_return_t code = carry_out(*request, call, out);
  if (!is_answerable(*request)) return;  // what the call gave is destroyed
  if (code == KERN_SUCCESS && !can_travel(*request, *call, out)) {
    out.rights.clear();
    code = KERN_RESOURCE_SHORTAGE;
  }
  MessagePtr reply = make_reply(*request, code == KERN_SUCCESS ? call : nullptr, code, out);
  request.reset();  // what it carried is destroyed before the answer can be seen
  post(std::move(reply));
}

}  // namespace netmsg::ipc::kernel_port
