// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/kernel_port.h"

#include <mach/mig_errors.h>

#include <algorithm>
#include <cstring>

#include "daemon/ipc/copyin.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/kernel_call.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc::kernel_port {

namespace {

constexpr std::uint32_t kReplyIdOffset = 100;
constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);

// ---------------------------------------------------------------- what items look like (02 §5, 05 §8)

constexpr mach_msg_type_t descriptor(unsigned type, unsigned bits, unsigned number) {
  mach_msg_type_t made{};
  made.msgt_name = type & 0xFFU;
  made.msgt_size = bits & 0xFFFFU;
  made.msgt_inline = 1;
  made.msgt_number = number;
  return made;
}

// As received, with the number of its elements left open. The memory is always the receiver's own.
constexpr mach_msg_type_t array_descriptor(unsigned type) {
  mach_msg_type_t made = descriptor(type, 32, 0);
  made.msgt_inline = 0;
  made.msgt_longform = 1;
  made.msgt_deallocate = 1;
  return made;
}

constexpr mach_msg_type_t descriptor_of(Item item) {
  switch (item) {
    case Item::kName:
      return descriptor(MACH_MSG_TYPE_PORT_NAME, 32, 1);
    case Item::kLong:
      return descriptor(MACH_MSG_TYPE_INTEGER_64, 64, 1);
    case Item::kStatus:
      return descriptor(MACH_MSG_TYPE_INTEGER_32, 32, sizeof(mach_port_status_t) / 4);
    case Item::kSend:
      return descriptor(MACH_MSG_TYPE_PORT_SEND, 64, 1);
    case Item::kSendOnce:
      return descriptor(MACH_MSG_TYPE_PORT_SEND_ONCE, 64, 1);
    case Item::kRight:
      return descriptor(MACH_MSG_TYPE_PORT_RECEIVE, 64, 1);  // or one of the others
    case Item::kNames:
      return array_descriptor(MACH_MSG_TYPE_PORT_NAME);
    case Item::kNumbers:
      return array_descriptor(MACH_MSG_TYPE_INTEGER_32);
    case Item::kSends:
      return array_descriptor(MACH_MSG_TYPE_PORT_SEND);
    default:
      return descriptor(MACH_MSG_TYPE_INTEGER_32, 32, 1);
  }
}

bool is_right(Item item) {
  return item == Item::kSend || item == Item::kSendOnce || item == Item::kRight;
}

bool is_array(Item item) {
  return !descriptor_of(item).msgt_inline;
}

bool is_complex(Item item) {
  return is_right(item) || is_array(item);
}

// Of the value, padded as it stands in the message; or of the address.
std::uint32_t value_size(const mach_msg_type_t& type) {
  return type.msgt_inline ? (type.msgt_number * type.msgt_size / 8 + 7) / 8 * 8 : 8;
}

std::uint32_t item_size(Item item) {
  return item == Item::kNone ? 0 : sizeof(mach_msg_type_t) + value_size(descriptor_of(item));
}

template <std::size_t kCount>
std::uint32_t size_of(std::uint32_t start, const std::array<Item, kCount>& items) {
  for (const Item item : items) start += item_size(item);
  return start;
}

template <std::size_t kCount>
bool is_complex(const std::array<Item, kCount>& items) {
  return std::any_of(items.begin(), items.end(), [](Item item) { return is_complex(item); });
}

// ---------------------------------------------------------------- the request

mach_msg_type_t load_descriptor(const Message& message, std::uint32_t offset) {
  mach_msg_type_t type;
  std::memcpy(&type, message.bytes.data() + offset, sizeof type);
  return type;
}

// All 64 bits, as the receiving half of a stub compares them.
bool is_described(const Message& message, std::uint32_t offset, Item item) {
  const mach_msg_type_t found = load_descriptor(message, offset);
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

// ---------------------------------------------------------------- the reply

class ReplyWriter {
 public:
  explicit ReplyWriter(Message& reply) : reply_(reply) {}

  void write_code(kern_return_t code) {
    const auto value = static_cast<std::uint32_t>(code);
    write_values(descriptor_of(Item::kNumber), &value);
  }

  void write_results(const Call& call, CallOutput& out) {
    const std::uint32_t* value = out.values.data();
    auto right = out.rights.begin();
    auto array = out.arrays.begin();
    for (const Item item : call.results) {
      if (item == Item::kNone) break;
      if (is_right(item)) {
        write_right(std::move(*right++));
      } else if (item == Item::kSends) {
        write_rights(out.rights);
      } else if (is_array(item)) {
        write_array(item, *array++);
      } else {
        write_values(descriptor_of(item), value);
        value += descriptor_of(item).msgt_number;
      }
    }
  }

 private:
  void write_values(const mach_msg_type_t& type, const std::uint32_t* values) {
    write_descriptor(type);
    std::memcpy(at(), values, type.msgt_number * sizeof *values);
    offset_ += value_size(type);
  }

  void write_right(CarriedRight right) {
    write_descriptor(descriptor(static_cast<unsigned>(right.type()), 64, 1));
    reply_.other_bits |= MACH_MSGH_BITS_COMPLEX;
    if (right.holds_receive()) {
      send_on_its_way(reply_, reply_.destination.port()->end_of_transit(), *right.port());
    }
    reply_.body.push_back({offset_, std::move(right)});
    offset_ += 8;
  }

  void write_rights(std::vector<CarriedRight>& rights) {
    const auto region = static_cast<std::uint32_t>(reply_.regions.size());
    const auto count = static_cast<std::uint32_t>(rights.size());
    write_region(Item::kSends, count, {.slot = 0, .rights = count, .memory = {}});
    std::uint32_t at = 0;
    for (CarriedRight& right : rights) {
      reply_.body.push_back({at, std::move(right), region});
      at += sizeof(Name);
    }
  }

  void write_array(Item item, const std::vector<std::uint32_t>& elements) {
    Bytes bytes(elements.size() * sizeof elements[0]);
    if (!bytes.empty()) std::memcpy(bytes.data(), elements.data(), bytes.size());
    const auto count = static_cast<std::uint32_t>(elements.size());
    write_region(item, count, {.slot = 0, .rights = 0, .memory = MemoryRef::of(std::move(bytes))});
  }

  // An empty array has no memory, and its address is 0.
  void write_region(Item item, std::uint32_t count, Region region) {
    mach_msg_type_t type = descriptor_of(item);
    type.msgt_number = count;
    write_descriptor(type);
    reply_.other_bits |= MACH_MSGH_BITS_COMPLEX;
    region.slot = offset_;
    if (count > 0) reply_.regions.push_back(std::move(region));
    offset_ += value_size(type);
  }

  void write_descriptor(const mach_msg_type_t& type) {
    std::memcpy(at(), &type, sizeof type);
    offset_ += sizeof type;
  }

  std::byte* at() { return reply_.bytes.data() + offset_; }

  Message& reply_;
  std::uint32_t offset_ = kHeaderSize;
};

bool is_answerable(const Message& request) {
  return request.reply.port() != nullptr && !request.reply.is_dead();
}

// Can the results follow the reply to its host? Memory stays on this one.
bool can_travel(const Message& request, const Call& call, const CallOutput& out) {
  const Port& destination = *request.reply.port();
  if (!destination.remote()) return true;
  if (std::any_of(call.results.begin(), call.results.end(), is_array)) return false;
  const RemoteLink& link = destination.core().link();
  return std::all_of(out.rights.begin(), out.rights.end(), [&](const CarriedRight& right) {
    return right.is_null() || right.is_dead() || link.can_carry(destination, *right.port(), right.type(), 0);
  });
}

// Whoever paid for the request pays for what it brings, borne or not.
Charge charge_for(Message& request, const CallOutput& out) {
  Charge charge = request.take_charge();
  std::uint64_t elements = out.rights.size();
  for (const std::vector<std::uint32_t>& array : out.arrays) elements += array.size();
  charge.grow(Message::memory_cost(out.arrays.size(), elements * sizeof(Name)));
  return charge;
}

// `call` null: the reply of a failure, 48 bytes.
MessagePtr make_reply(Message& request, const Call* call, kern_return_t code, CallOutput& out) {
  const std::uint32_t head = sizeof(mig_reply_header_t);
  Bytes bytes(call != nullptr ? size_of(head, call->results) : head);
  MessagePtr reply =
      Message::create(request.reply.port()->core().reaper, std::move(bytes), charge_for(request, out));
  reply->id = static_cast<mach_msg_id_t>(static_cast<std::uint32_t>(request.id) + kReplyIdOffset);
  reply->destination = std::move(request.reply);
  ReplyWriter writer(*reply);
  writer.write_code(code);
  if (call != nullptr) writer.write_results(*call, out);
  reply->charge_rights();
  return reply;
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
