// SPDX-License-Identifier: Apache-2.0
#include "proxy/body_check.h"

#include <mach/message.h>

#include <algorithm>
#include <cstring>

#include "daemon/ipc/body_item.h"

namespace netmsg::proxy {

namespace {

using ipc::kSlotSize;

bool is_port_type(unsigned type) {
  return type >= MACH_MSG_TYPE_PORT_RECEIVE && type <= MACH_MSG_TYPE_PORT_SEND_ONCE;
}

// Dispositions never leave a sender's daemon: they have become received types.
bool is_unreceived_type(unsigned type) {
  return type >= MACH_MSG_TYPE_COPY_SEND && type <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

std::string_view body_of(const v1::Message& message, const Freight& freight) {
  if (!freight.body) return message.body();
  const auto* const bytes = reinterpret_cast<const char*>(freight.body->data());
  return std::string_view(bytes, freight.body->size()).substr(sizeof(mach_msg_header_t));
}

// Walks the items; the plan grows by a slot for each element of a port item, and by a region for each
// out-of-line item that is not empty.
class BodyWalk {
 public:
  BodyWalk(const v1::Message& message, std::string_view body, const Freight& freight, BodyPlan& plan)
      : message_(message), body_(body), freight_(freight), plan_(plan) {}

  Check run() {
    while (at_ < body().size()) {
      if (Check fault = item()) return fault;
    }
    if (static_cast<int>(plan_.slots.size()) != message_.rights_size())
      return protocol_error("rights without items");
    if (memory_ != freight_.memory.size()) return protocol_error("memory without items");
    const bool complex = (message_.other_bits() & MACH_MSGH_BITS_COMPLEX) != 0;
    if (!complex || needs_complex_) return std::nullopt;
    return protocol_error("complex bit without cause");
  }

 private:
  std::string_view body() const { return body_; }

  Check item() {
    mach_msg_type_t descriptor;
    std::memcpy(&descriptor, body().data() + at_, sizeof descriptor);  // sizes are multiples of 8
    at_ += sizeof descriptor;
    if (descriptor.msgt_unused != 0) return protocol_error("unused bits in a descriptor");
    if (is_unreceived_type(descriptor.msgt_name)) return protocol_error("a disposition in a body");
    if (!descriptor.msgt_inline) return out_of_line(descriptor);
    if (descriptor.msgt_deallocate) return protocol_error("inline item with deallocate");
    return inline_item(descriptor);
  }

  Check out_of_line(const mach_msg_type_t& descriptor) {
    needs_complex_ = true;
    if (!descriptor.msgt_deallocate || body().size() - at_ < kSlotSize)
      return protocol_error("out-of-line item");
    const std::uint64_t length = ipc::item_length(descriptor);
    const bool is_array = is_port_type(descriptor.msgt_name);
    if (address() >= (is_array || length == 0 ? 1 : ipc::kPageSize))
      return protocol_error("out-of-line address");
    const std::uint64_t arrives_at = address();
    const std::uint32_t slot = offset_of(at_);
    at_ += kSlotSize;
    if (is_array) return array(descriptor, slot);
    return length == 0 ? std::nullopt : data(length, arrives_at, slot);
  }

  Check array(const mach_msg_type_t& descriptor, std::uint32_t slot) {
    if (descriptor.msgt_size != 8 * sizeof(ipc::Name)) return protocol_error("port array of another size");
    const auto region = static_cast<std::uint32_t>(plan_.regions.size());
    if (descriptor.msgt_number > 0) plan_.regions.push_back({slot, descriptor.msgt_number, {}});
    for (std::uint32_t element = 0; element < descriptor.msgt_number; ++element) {
      if (Check fault = right(descriptor)) return fault;
      plan_.slots.push_back({static_cast<std::uint32_t>(element * sizeof(ipc::Name)), region});
    }
    return std::nullopt;
  }

  Check data(std::uint64_t length, std::uint64_t arrives_at, std::uint32_t slot) {
    if (memory_ == freight_.memory.size()) return protocol_error("data item without memory");
    const Freight::Part& part = freight_.memory[memory_++];
    if (part.memory.length() != length) return protocol_error("memory of another length");
    if (part.address.value_or(arrives_at) != arrives_at) return protocol_error("memory for another address");
    plan_.regions.push_back({slot, 0, {}});
    return std::nullopt;
  }

  Check inline_item(const mach_msg_type_t& descriptor) {
    const std::uint64_t length = ipc::item_length(descriptor);
    if (length > body().size() - at_) return protocol_error("item longer than the body");
    if (is_port_type(descriptor.msgt_name)) return ports(descriptor);
    at_ += static_cast<std::size_t>(ipc::padded(length));
    return std::nullopt;
  }

  Check ports(const mach_msg_type_t& descriptor) {
    needs_complex_ = true;
    if (descriptor.msgt_size != 8 * kSlotSize) return protocol_error("port item of another size");
    for (std::uint32_t element = 0; element < descriptor.msgt_number; ++element, at_ += kSlotSize) {
      if (Check fault = right(descriptor)) return fault;
      if (!all_zero(body().substr(at_, kSlotSize))) return protocol_error("a name in a body");
      plan_.slots.push_back({offset_of(at_), ipc::BodyRight::kInline});
    }
    return std::nullopt;
  }

  // The right that belongs to the next element of an item.
  Check right(const mach_msg_type_t& descriptor) const {
    const auto index = static_cast<int>(plan_.slots.size());
    if (index == message_.rights_size()) return protocol_error("port item without rights");
    if (message_.rights(index).type() != descriptor.msgt_name) return protocol_error("right of another type");
    return std::nullopt;
  }

  static std::uint32_t offset_of(std::size_t at) {
    return static_cast<std::uint32_t>(sizeof(mach_msg_header_t) + at);
  }

  std::uint64_t address() const {
    std::uint64_t address;
    std::memcpy(&address, body().data() + at_, sizeof address);
    return address;
  }

  const v1::Message& message_;
  const std::string_view body_;
  const Freight& freight_;
  BodyPlan& plan_;
  std::size_t at_ = 0;
  std::size_t memory_ = 0;  // regions that have their item
  bool needs_complex_ = false;
};

}  // namespace

Check check_body(const v1::Message& message, const Freight& freight, BodyPlan& plan) {
  plan = {};
  if (freight.body && !message.body().empty()) return protocol_error("two bodies");
  const std::string_view body = body_of(message, freight);
  if (body.size() % 8 != 0) return protocol_error("body size");
  if ((message.other_bits() & MACH_MSGH_BITS_COMPLEX) != 0)
    return BodyWalk(message, body, freight, plan).run();
  if (!freight.memory.empty()) return protocol_error("memory in a simple message");
  return message.rights_size() == 0 ? std::nullopt : protocol_error("rights in a simple message");
}

}  // namespace netmsg::proxy
