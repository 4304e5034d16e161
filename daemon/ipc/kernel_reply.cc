// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/kernel_reply.h"

#include <mach/mig_errors.h>

#include <cstring>

#include "daemon/ipc/copyin.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/kernel_item.h"

namespace netmsg::ipc {

namespace {

constexpr std::uint32_t kReplyIdOffset = 100;

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
    write_descriptor(inline_descriptor(static_cast<unsigned>(right.type()), 64, 1));
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

std::uint64_t array_bytes(const CallOutput& out) {
  std::uint64_t elements = out.rights.size();
  for (const std::vector<std::uint32_t>& array : out.arrays) elements += array.size();
  return elements * sizeof(Name);
}

// Whoever paid for the request pays for what it brings, borne or not.
Charge charge_for(Message& request, const CallOutput& out) {
  Charge charge = request.take_charge();
  charge.grow(Message::memory_cost(out.arrays.size(), array_bytes(out)));
  return charge;
}

}  // namespace

std::uint64_t reply_bytes(const Call& call, const CallOutput& out) {
  return size_of(sizeof(mig_reply_header_t), call.results) + array_bytes(out);
}

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

}  // namespace netmsg::ipc
