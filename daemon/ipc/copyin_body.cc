// SPDX-License-Identifier: Apache-2.0
// The body half of copyin: spec 02 §6 and §8, 04 §4.
#include <algorithm>
#include <cstring>
#include <span>

#include "daemon/ipc/body_item.h"
#include "daemon/ipc/copyin.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc {

namespace {

void store_descriptor(Message& message, std::uint32_t offset, const mach_msg_type_t& descriptor) {
  std::memcpy(message.bytes.data() + offset, &descriptor, sizeof descriptor);
}

bool is_port_item(const mach_msg_type_t& item) {
  return is_disposition(item.msgt_name);
}

// 02 §8 rows 2-5.
bool well_formed(const mach_msg_type_t& item) {
  if (is_port_item(item) && item.msgt_size != (item.msgt_inline ? 64U : 32U)) return false;
  return item.msgt_unused == 0 && !(item.msgt_deallocate && item.msgt_inline);
}

std::uint32_t most_rights(const Port& destination) {
  const Core& core = destination.core();
  const std::uint32_t here = core.limits().rights_per_message;
  return destination.remote() ? std::min(here, core.link().carry_limits(destination).rights) : here;
}

// One pass over the body of one message.
class BodyCopyin {
 public:
  BodyCopyin(Space& space, Message& message, std::vector<MemoryRef>& memory)
      : space_(space),
        message_(message),
        memory_(memory),
        destination_(*message.destination.port()),
        end_of_transit_(destination_.end_of_transit()),
        rights_max_(most_rights(destination_)) {}

  mach_msg_return_t run() {
    std::uint32_t offset = sizeof(mach_msg_header_t);
    while (offset < message_.size()) {
      if (const mach_msg_return_t code = copyin_item(offset)) return code;
    }
    return MACH_MSG_SUCCESS;
  }

  std::uint32_t memory_taken() const { return memory_taken_; }

 private:
  // One item at `offset`; on success `offset` is that of the next one.
  mach_msg_return_t copyin_item(std::uint32_t& offset) {
    const std::uint32_t start = offset;
    if (message_.size() - offset < kDescriptorSize) return MACH_SEND_MSG_TOO_SMALL;
    mach_msg_type_t item = message_.descriptor_at(start);
    if (!well_formed(item)) return MACH_SEND_INVALID_TYPE;
    offset += kDescriptorSize;
    const std::uint64_t length = content_length(item);
    if (message_.size() - offset < length) return MACH_SEND_MSG_TOO_SMALL;
    if (const mach_msg_return_t code = copyin_content(offset, item)) return code;
    store_descriptor(message_, start, item);
    if (is_port_item(item) || !item.msgt_inline) message_.other_bits |= MACH_MSGH_BITS_COMPLEX;
    offset += static_cast<std::uint32_t>(padded(length));
    return MACH_MSG_SUCCESS;
  }

  // What stands at `offset`; rewrites the descriptor as it will be received.
  mach_msg_return_t copyin_content(std::uint32_t offset, mach_msg_type_t& item) {
    if (!item.msgt_inline) return copyin_out_of_line(offset, item);
    if (!is_port_item(item)) return MACH_MSG_SUCCESS;
    const auto disposition = static_cast<Disposition>(item.msgt_name);
    for (std::uint32_t at = 0; at < item.msgt_number; ++at) {
      const std::uint32_t slot = offset + at * kSlotSize;
      if (!copyin_element(take_slot(slot), disposition, slot, BodyRight::kInline))
        return MACH_SEND_INVALID_RIGHT;
    }
    item.msgt_name = static_cast<unsigned int>(received_type(disposition));
    return MACH_MSG_SUCCESS;
  }

  // An item of length 0 carries nothing; its address arrives as 0 and its deallocate bit set (02 §6) like those
  // of the others. The memory is taken before the rights in it (02 §8).
  mach_msg_return_t copyin_out_of_line(std::uint32_t offset, mach_msg_type_t& item) {
    const std::uint64_t length = item_length(item);
    const std::uint64_t address = take_address(offset);
    item.msgt_deallocate = 1;
    MemoryRef memory;
    if (length > 0 && !take_memory(length, memory)) return MACH_SEND_INVALID_MEMORY;
    if (is_port_item(item) && !memory.is_here()) return MACH_SEND_INVALID_MEMORY;
    if (is_port_item(item)) return copyin_array(offset, memory, item);
    if (length > 0) {
      store_address(offset, page_offset(address));
      message_.regions.push_back({offset, 0, std::move(memory)});
    }
    return MACH_MSG_SUCCESS;
  }

  // What the item describes has to be what the sender could read of it.
  bool take_memory(std::uint64_t length, MemoryRef& memory) {
    if (memory_taken_ == memory_.size() || memory_[memory_taken_].length() != length) return false;
    memory = std::move(memory_[memory_taken_++]);
    return true;
  }

  mach_msg_return_t copyin_array(std::uint32_t offset, const MemoryRef& memory, mach_msg_type_t& item) {
    const auto disposition = static_cast<Disposition>(item.msgt_name);
    const auto region = static_cast<std::uint32_t>(message_.regions.size());
    if (item.msgt_number > 0) message_.regions.push_back({offset, item.msgt_number, {}});
    for (std::uint32_t at = 0; at < item.msgt_number; ++at) {
      Name name;
      const std::uint32_t slot = at * sizeof name;
      memory.read_here(slot, std::as_writable_bytes(std::span(&name, 1)));
      if (!copyin_element(name, disposition, slot, region)) return MACH_SEND_INVALID_RIGHT;
    }
    item.msgt_name = static_cast<unsigned int>(received_type(disposition));
    return MACH_MSG_SUCCESS;
  }

  // Atomic by itself. False: refused; nothing was taken, or it is in the message to be destroyed.
  bool copyin_element(Name name, Disposition disposition, std::uint32_t offset, std::uint32_t region) {
    if (message_.body.size() >= rights_max_) return false;
    const RightPlan plan = plan_right(space_, name, disposition);
    if (plan.take == Take::kRefuse || !can_travel(plan)) return false;
    TakenRight taken = commit_right(space_, plan);
    notify::port_deleted(std::move(taken.freed_request));
    message_.body.push_back({offset, std::move(taken.right), region});
    const CarriedRight& right = message_.body.back().right;
    if (right.holds_receive()) send_on_its_way(message_, end_of_transit_, *right.port());
    return true;
  }

  // Takes the name out of the bytes: names are never in transit.
  Name take_slot(std::uint32_t offset) {
    Name name;
    std::memcpy(&name, message_.bytes.data() + offset, sizeof name);
    std::memset(message_.bytes.data() + offset, 0, kSlotSize);
    return name;
  }

  std::uint64_t take_address(std::uint32_t offset) {
    std::uint64_t address;
    std::memcpy(&address, message_.bytes.data() + offset, sizeof address);
    store_address(offset, 0);
    return address;
  }

  void store_address(std::uint32_t offset, std::uint64_t address) {
    std::memcpy(message_.bytes.data() + offset, &address, sizeof address);
  }

  // What cannot stays where it is: a receive right with all that is queued there.
  bool can_travel(const RightPlan& plan) const {
    if (!destination_.remote() || !is_valid_name(plan.name)) return true;
    const Port* port = space_.find(plan.name)->port();
    if (port == nullptr || port->dead()) return true;
    const auto others = static_cast<std::uint32_t>(message_.body.size());
    return destination_.core().link().can_carry(destination_, *port, plan.type, others + 1);
  }

  Space& space_;
  Message& message_;
  std::vector<MemoryRef>& memory_;
  std::uint32_t memory_taken_ = 0;
  Port& destination_;
  const Port& end_of_transit_;
  const std::uint32_t rights_max_;
};

}  // namespace

// The loop would be closed by the right of a port that the destination is in transit to. Of those only the last
// one is in a space, so only that can come here.
void send_on_its_way(Message& message, const Port& end_of_transit, Port& carried) {
  if (&carried == &end_of_transit) {
    message.circular = true;
  } else {
    carried.settle_in_transit(*message.destination.port());
  }
}

mach_msg_return_t copyin_body(Space& space, Message& message, std::vector<MemoryRef>& memory,
                              std::uint32_t& memory_taken) {
  message.other_bits &= ~MACH_MSGH_BITS_COMPLEX;  // set again by the first port or out-of-line item
  BodyCopyin copyin(space, message, memory);
  const mach_msg_return_t code = copyin.run();
  memory_taken = copyin.memory_taken();
  message.charge_rights();
  return code;
}

}  // namespace netmsg::ipc
