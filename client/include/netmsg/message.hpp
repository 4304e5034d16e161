// SPDX-License-Identifier: Apache-2.0
// A message to be sent: an id, items, and perhaps a right to answer. It owns the rights and the memory that were
// moved into it, on every path:
//
//   building      items are put; what was moved in is given up with the object
//   send gives    the message is
//   success       sent: empty again, with its id
//   nothing done  (INVALID_DEST, INVALID_REPLY, NO_BUFFER, ...) as before; it can be sent again
//   given back    (TIMED_OUT, INTERRUPTED, ...) as before, but now it owns a right for each that it had been told to
//                 copy or make, the destination's too: resend() goes on with those, or they are given up with it
//   broken off    (INVALID_RIGHT, INVALID_MEMORY) empty: everything that was in it has been given up
//
// An item that finds no room (no memory, or a message above 1 GiB) stays with its owner, and send will tell:
// KERN_RESOURCE_SHORTAGE, nothing done.
// Rights and Memory given by const reference are looked at when the message is sent, and have to live until then.
// No memory is allocated for up to 256 bytes without moved send rights. Where std::bad_alloc is thrown (rights that are
// moved in, the send of what was given back or has memory beside rights), nothing has been done.
// The child of a fork gives up only the memory of a message that it has inherited, and is not to put into it or send it.
// Threads: as any value, one at a time.
#pragma once

#include <mach.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <netmsg/buffer.hpp>
#include <netmsg/item.hpp>
#include <netmsg/memory.hpp>
#include <netmsg/receive_right.hpp>
#include <netmsg/reply_right.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/timeout.hpp>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace netmsg {

namespace detail {

// What becomes of a message whose send gave this code (spec 03 §3).
enum class Fate { kSent, kNothingDone, kGivenBack, kBrokenOff };

constexpr Fate fate_of(mach_msg_return_t code) {
  switch (code & ~MACH_MSG_MASK) {
    case MACH_SEND_INVALID_DATA:
    case MACH_SEND_INVALID_DEST:
    case MACH_SEND_INVALID_REPLY:
    case MACH_SEND_INVALID_HEADER:
    case MACH_SEND_NO_BUFFER:
      return Fate::kNothingDone;
    case MACH_SEND_TIMED_OUT:
    case MACH_SEND_INTERRUPTED:
    case MACH_SEND_INVALID_NOTIFY:
    case MACH_SEND_NOTIFY_IN_PROGRESS:
    case MACH_SEND_NO_NOTIFY:
      return Fate::kGivenBack;
    case MACH_SEND_MSG_TOO_SMALL:
    case MACH_SEND_INVALID_RIGHT:
    case MACH_SEND_INVALID_MEMORY:
    case MACH_SEND_INVALID_TYPE:
      return Fate::kBrokenOff;
    default:
      return Fate::kSent;  // or it was the receive half that failed
  }
}

// The descriptor's type for whole numbers of this size.
template <typename T>
constexpr unsigned integer_type() {
  static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>, "whole numbers");
  return sizeof(T) == 1   ? MACH_MSG_TYPE_INTEGER_8
         : sizeof(T) == 2 ? MACH_MSG_TYPE_INTEGER_16
         : sizeof(T) == 4 ? MACH_MSG_TYPE_INTEGER_32
                          : MACH_MSG_TYPE_INTEGER_64;
}

// Room for `count` more, so that adding them cannot fail.
template <typename T>
void make_room(std::vector<T>& kept, std::size_t count) {
  if (kept.capacity() - kept.size() < count) kept.reserve(kept.size() + std::max(kept.size(), count));
}

constexpr mach_msg_id_t kReplyIdOffset = 100;

// Whatever the id: it wraps.
constexpr mach_msg_id_t reply_id(mach_msg_id_t request) {
  return static_cast<mach_msg_id_t>(static_cast<unsigned>(request) + unsigned{kReplyIdOffset});
}

}  // namespace detail

class ReceivedMessage;

class Message {
 public:
  explicit Message(mach_msg_id_t id = 0) { header()->msgh_id = id; }
  // A reply as generated stubs expect it (spec 07 §5): the request's id + 100, and the return code as first item.
  static Message reply_to(mach_msg_id_t request, kern_return_t code = KERN_SUCCESS) {
    Message reply(detail::reply_id(request));
    reply.put_int32(code);
    return reply;
  }
  ~Message() { clear(); }
  Message(Message&& other) noexcept { take(other); }
  Message& operator=(Message&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take(other);
    return *this;
  }

  mach_msg_id_t id() const { return buffer_.header()->msgh_id; }
  std::uint32_t size() const { return size_; }

  // ---- data

  Message& put_int32(std::int32_t value) { return put_array(&value, 1); }
  Message& put_int64(std::int64_t value) { return put_array(&value, 1); }
  // With its end; the reader sees it up to the first NUL.
  Message& put_string(std::string_view text) {
    std::byte* const at = append(MACH_MSG_TYPE_STRING_C, 8, text.size() + 1);
    if (at != nullptr && !text.empty()) std::memcpy(at, text.data(), text.size());
    return *this;
  }
  Message& put_bytes(const void* data, std::size_t size) {
    return put_data(MACH_MSG_TYPE_BYTE, 8, data, size, size);
  }
  // `count` whole numbers of 1, 2, 4 or 8 bytes.
  template <typename T>
  Message& put_array(const T* data, std::size_t count) {
    return put_data(detail::integer_type<T>(), 8 * sizeof(T), data, count, count * sizeof(T));
  }

  // ---- memory out of line; the receiver gets memory of its own

  // Goes with the message.
  Message& put_memory(Memory&& memory) {
    if (append_region(memory, true)) static_cast<void>(memory.release());
    return *this;
  }
  // Stays here; what is written to it after the send does not reach the receiver.
  Message& put_memory(const Memory& memory) {
    may_break_off_ = true;
    append_region(memory, false);
    return *this;
  }

  // ---- rights; empty ones arrive empty, dead ones dead

  // A copy; ours stays.
  Message& put_send(const SendRight& right) {
    append_right(right.name(), MACH_MSG_TYPE_COPY_SEND);
    return *this;
  }
  // Costs one call more than a copy, after the send: so it is known on every path whose it is.
  Message& put_send(SendRight&& right) {
    detail::make_room(kept_rights_, 1);
    if (append_right(right.name(), MACH_MSG_TYPE_COPY_SEND)) kept_rights_.push_back(std::move(right));
    return *this;
  }
  Message& put_send_once(SendOnceRight&& right) { return put_moved(right, MACH_MSG_TYPE_MOVE_SEND_ONCE); }
  Message& put_receive(ReceiveRight&& right) { return put_moved(right, MACH_MSG_TYPE_MOVE_RECEIVE); }
  // New rights, made when the message is sent.
  Message& put_made_send(const ReceiveRight& port) {
    append_right(port.name(), MACH_MSG_TYPE_MAKE_SEND);
    return *this;
  }
  Message& put_made_send_once(const ReceiveRight& port) {
    append_right(port.name(), MACH_MSG_TYPE_MAKE_SEND_ONCE);
    return *this;
  }
  // Any number of them in one item, out of line.
  Message& put_send_array(std::vector<SendRight>&& rights) {
    detail::make_room(kept_rights_, rights.size());
    if (!append_names(rights)) return *this;
    for (SendRight& right : rights) kept_rights_.push_back(std::move(right));
    rights.clear();
    return *this;
  }

  // ---- where the answer goes; the last one counts

  // A right to answer once is made when the message is sent.
  Message& set_reply_port(const ReceiveRight& port) {
    return set_reply(port.name(), MACH_MSG_TYPE_MAKE_SEND_ONCE);
  }
  Message& set_reply_right(const SendRight& right) {
    return set_reply(right.name(), MACH_MSG_TYPE_COPY_SEND);
  }
  Message& set_reply_right(SendRight&& right) { return set_reply(right.release(), MACH_MSG_TYPE_MOVE_SEND); }
  Message& set_reply_right(SendOnceRight&& right) {
    return set_reply(right.release(), MACH_MSG_TYPE_MOVE_SEND_ONCE);
  }

  // ---- sending; what each code means for the message stands above. A right that is moved is consumed unless nothing
  // was done, and then it is still the caller's.

  Result<void> send(const SendRight& to, Timeout timeout = kForever) {
    return send_to(to.name(), MACH_MSG_TYPE_COPY_SEND, timeout);
  }
  Result<void> send(SendRight&& to, Timeout timeout = kForever) {
    return send_moving(to, MACH_MSG_TYPE_MOVE_SEND, timeout);
  }
  // Never blocks: a right to send once has its place in the queue.
  Result<void> send(SendOnceRight&& to) { return send_moving(to, MACH_MSG_TYPE_MOVE_SEND_ONCE, kForever); }
  Result<void> send(ReplyRight&& to, Timeout timeout = kForever) {
    return send_moving(to, to.type(), timeout);
  }
  Result<void> send(const ReceiveRight& to, Timeout timeout = kForever) {
    return send_to(to.name(), MACH_MSG_TYPE_MAKE_SEND, timeout);
  }
  // A message that was given back, to where it was to go. MACH_SEND_INVALID_HEADER: it was not.
  Result<void> resend(Timeout timeout = kForever) {
    keep();
    return transmit(timeout.options(MACH_SEND_TIMEOUT), timeout.ms(), MACH_PORT_NULL);
  }
  // Does not block: into a full queue it is forced, and msg-accepted (spec 06 §5) is sent to `notify` when it is
  // taken out. True: it was forced. One forced message at a time for a right: MACH_SEND_NOTIFY_IN_PROGRESS.
  Result<bool> send_forced(const SendRight& to, const ReceiveRight& notify) {
    address(to.name(), MACH_MSG_TYPE_COPY_SEND);
    const mach_msg_return_t code = attempt(MACH_SEND_NOTIFY, MACH_MSG_TIMEOUT_NONE, notify.name());
    if (code == MACH_SEND_WILL_NOTIFY) return true;
    if (code != MACH_MSG_SUCCESS) return Error(code);
    return false;
  }

  // Gives up what it owns: no items, no reply right.
  void clear() {
    drop_header();
    if (is_complex()) detail::drop_items(buffer_.data(), size_, space_);
    forget();
  }

 private:
  friend class Batch;
  friend Result<ReceivedMessage> call(const SendRight& to, Message& request, Timeout timeout);

  mach_msg_header_t* header() { return buffer_.header(); }
  bool is_complex() const { return (buffer_.header()->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0; }

  void take(Message& other) {
    buffer_ = std::move(other.buffer_);
    size_ = other.size_;
    error_ = other.error_;
    may_break_off_ = other.may_break_off_;
    space_ = other.space_;
    kept_rights_ = std::move(other.kept_rights_);
    kept_memory_ = std::move(other.kept_memory_);
    other.header()->msgh_id = id();
    other.forget();
  }

  // Without giving anything up but what is kept beside the bytes.
  void forget() {
    const mach_msg_id_t same = id();
    *header() = {};
    header()->msgh_id = same;
    size_ = detail::kHeaderSize;
    error_ = KERN_SUCCESS;
    may_break_off_ = false;
    space_ = {};
    kept_rights_.clear();
    kept_memory_.clear();
  }

  // ---- building

  // Room for an item; the address of its content, whose padding is zero. Null: there is none, which send will tell.
  std::byte* append(const mach_msg_type_t& type, std::size_t length) {
    const std::uint64_t content = detail::padded(length);
    if (!buffer_.reserve(size_ + sizeof type + content, size_)) error_ = KERN_RESOURCE_SHORTAGE;
    if (error_ != KERN_SUCCESS) return nullptr;
    std::byte* const at = buffer_.data() + size_;
    std::memcpy(at, &type, sizeof type);
    if (content != 0)
      std::memset(at + sizeof type + content - MACH_MSG_USER_ALIGNMENT, 0, MACH_MSG_USER_ALIGNMENT);
    size_ += static_cast<std::uint32_t>(sizeof type + content);
    return at + sizeof type;
  }
  std::byte* append(unsigned name, unsigned bits, std::size_t count) {
    if (count > UINT32_MAX) error_ = KERN_RESOURCE_SHORTAGE;
    if (error_ != KERN_SUCCESS) return nullptr;
    return append(detail::descriptor(name, bits, static_cast<std::uint32_t>(count), true), count * bits / 8);
  }

  Message& put_data(unsigned name, unsigned bits, const void* data, std::size_t count, std::size_t size) {
    std::byte* const at = append(name, bits, count);
    if (at != nullptr && size != 0) std::memcpy(at, data, size);
    return *this;
  }

  // False: there was no room.
  bool append_right(mach_port_name_t name, unsigned disposition) {
    std::byte* const at = append(disposition, detail::kInlineRightBits, 1);
    if (at == nullptr) return false;
    header()->msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    may_break_off_ = true;
    std::memcpy(at, &name, sizeof name);
    return true;
  }
  template <typename Right>
  Message& put_moved(Right& right, unsigned disposition) {
    if (append_right(right.name(), disposition)) static_cast<void>(right.release());
    return *this;
  }

  bool append_region(const Memory& memory, bool given, unsigned name = MACH_MSG_TYPE_BYTE,
                     unsigned bits = 8) {
    const std::size_t count = memory.size() * 8 / bits;
    if (count > UINT32_MAX) error_ = KERN_RESOURCE_SHORTAGE;
    mach_msg_type_t type = detail::descriptor(name, bits, static_cast<std::uint32_t>(count), false);
    type.msgt_deallocate = given ? 1 : 0;
    std::byte* const at = append(type, sizeof(vm_address_t));
    if (at == nullptr) return false;
    header()->msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    const vm_address_t address = memory.address();
    std::memcpy(at, &address, sizeof address);
    return true;
  }

  bool append_names(const std::vector<SendRight>& rights) {
    auto names = Memory::allocate(rights.size() * sizeof(mach_port_name_t));
    if (!names) error_ = KERN_RESOURCE_SHORTAGE;
    if (error_ != KERN_SUCCESS) return false;
    for (std::size_t at = 0; at < rights.size(); ++at) {
      const mach_port_name_t name = rights[at].name();
      std::memcpy(names->data() + at * sizeof name, &name, sizeof name);
    }
    if (!append_region(*names, true, MACH_MSG_TYPE_COPY_SEND, detail::kArrayRightBits)) return false;
    static_cast<void>(names->release());
    may_break_off_ = true;
    return true;
  }

  // ---- the header

  void drop_header() {
    drop_destination();
    set_reply(MACH_PORT_NULL, 0);
  }
  void drop_destination() {
    if (space_.is_ours())
      detail::drop_right(header()->msgh_remote_port, MACH_MSGH_BITS_REMOTE(header()->msgh_bits));
    set_destination(MACH_PORT_NULL, 0);
  }
  bool owns_destination() const {
    const unsigned disposition = MACH_MSGH_BITS_REMOTE(buffer_.header()->msgh_bits);
    return disposition == MACH_MSG_TYPE_MOVE_SEND || disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE;
  }
  void set_destination(mach_port_name_t name, unsigned disposition) {
    header()->msgh_remote_port = name;
    header()->msgh_bits = (header()->msgh_bits & ~MACH_MSGH_BITS_REMOTE_MASK) | disposition;
  }
  // What may throw comes first.
  void address(mach_port_name_t name, unsigned disposition) {
    keep();
    drop_destination();
    set_destination(name, disposition);
  }
  Message& set_reply(mach_port_name_t name, unsigned disposition) {
    if (space_.is_ours())
      detail::drop_right(header()->msgh_local_port, MACH_MSGH_BITS_LOCAL(header()->msgh_bits));
    header()->msgh_local_port = name;
    header()->msgh_bits = (header()->msgh_bits & ~MACH_MSGH_BITS_LOCAL_MASK) | (disposition << 8);
    return *this;
  }

  // ---- sending

  Result<void> send_to(mach_port_name_t name, unsigned disposition, Timeout timeout) {
    address(name, disposition);
    return transmit(timeout.options(MACH_SEND_TIMEOUT), timeout.ms(), MACH_PORT_NULL);
  }
  // Unless nothing was done, `to` is in the message, or where that went.
  template <typename Right>
  Result<void> send_moving(Right& to, unsigned disposition, Timeout timeout) {
    address(to.name(), disposition);
    const mach_msg_return_t code = attempt(timeout.options(MACH_SEND_TIMEOUT), timeout.ms(), MACH_PORT_NULL);
    if (was_done(code))
      static_cast<void>(to.release());
    else
      set_destination(MACH_PORT_NULL, 0);
    return Result<void>::of(code);
  }
  static bool was_done(kern_return_t code) {
    return code != KERN_RESOURCE_SHORTAGE && detail::fate_of(code) != detail::Fate::kNothingDone;
  }
  Result<void> transmit(mach_msg_option_t option, mach_msg_timeout_t timeout_ms, mach_port_name_t notify) {
    return Result<void>::of(attempt(option, timeout_ms, notify));
  }
  mach_msg_return_t attempt(mach_msg_option_t option, mach_msg_timeout_t timeout_ms,
                            mach_port_name_t notify) {
    if (error_ != KERN_SUCCESS) {
      settle(detail::Fate::kNothingDone);
      return error_;
    }
    const mach_msg_return_t code =
        mach_msg(header(), MACH_SEND_MSG | option, size_, 0, MACH_PORT_NULL, timeout_ms, notify);
    settle(detail::fate_of(code));
    return code;
  }

  // Sends it and receives the answer from `port`, into `reply`, which takes the room with it.
  mach_msg_return_t exchange(const SendRight& to, mach_port_name_t port, Timeout timeout,
                             detail::Buffer& reply) {
    const mach_msg_id_t same = id();
    address(to.name(), MACH_MSG_TYPE_COPY_SEND);
    set_reply(port, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    const mach_msg_return_t code = mach_msg(
        header(),
        MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_LARGE | timeout.options(MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT),
        size_, buffer_.capacity(), port, timeout.ms(), MACH_PORT_NULL);
    if (detail::fate_of(code) == detail::Fate::kSent) reply = std::exchange(buffer_, detail::Buffer());
    if (detail::fate_of(code) == detail::Fate::kSent) header()->msgh_id = same;
    settle(detail::fate_of(code));
    return code;
  }

  // A send that may break off leaves what lies behind that point here, and nobody says where it was. Memory that is
  // to go with such a message is copied, therefore, and given up afterwards; and so are the send rights of a message
  // that was given back, as those that were moved in are.
  void keep() {
    if (!is_complex()) return;
    std::size_t regions = 0;
    std::size_t rights = 0;
    for_each_item([&](const detail::Item& item) {
      if (is_region_to_keep(item)) ++regions;
      rights += rights_to_keep(item).count;
    });
    detail::make_room(kept_memory_, regions);
    detail::make_room(kept_rights_, rights);
    for_each_item([&](const detail::Item& item) { keep(item); });
  }
  template <typename Visit>
  void for_each_item(Visit visit) {
    detail::Item item{};
    for (std::uint32_t at = detail::kHeaderSize; detail::item_at(buffer_.data(), size_, at, &item);
         at = item.next)
      visit(item);
  }
  bool is_region_to_keep(const detail::Item& item) const {
    return may_break_off_ && !item.type.msgt_inline && item.type.msgt_deallocate;
  }
  detail::Rights rights_to_keep(const detail::Item& item) {
    if (item.type.msgt_name != MACH_MSG_TYPE_PORT_SEND) return {nullptr, 0, 0};
    return detail::rights_of(buffer_.data(), item);
  }
  void keep(const detail::Item& item) {
    mach_msg_type_t type = item.type;
    const detail::Rights rights = rights_to_keep(item);
    for (std::size_t index = 0; index < rights.count; ++index)
      kept_rights_.push_back(SendRight::adopt(rights.name(index)));
    if (type.msgt_name == MACH_MSG_TYPE_PORT_SEND) type.msgt_name = MACH_MSG_TYPE_COPY_SEND;
    if (is_region_to_keep(item)) {
      kept_memory_.push_back(Memory::adopt(detail::address_of(buffer_.data(), item), item.length));
      type.msgt_deallocate = 0;
    }
    std::memcpy(buffer_.data() + item.start, &type, sizeof type);
  }

  void settle(detail::Fate fate) {
    switch (fate) {
      case detail::Fate::kNothingDone:  // a destination that is not in the message need not be there any more
        if (!owns_destination()) set_destination(MACH_PORT_NULL, 0);
        return;
      case detail::Fate::kGivenBack:
        kept_rights_.clear();
        kept_memory_.clear();
        return;
      case detail::Fate::kBrokenOff:  // rights that went are no longer under their names
        detail::drop_items(buffer_.data(), size_, space_);
        return forget();
      case detail::Fate::kSent:
        return forget();
    }
  }

  detail::Buffer buffer_;
  std::uint32_t size_ = detail::kHeaderSize;
  kern_return_t error_ = KERN_SUCCESS;  // set when an item found no room; nothing is sent then
  bool may_break_off_ = false;          // set when there are rights, or memory that is not ours
  detail::Space space_;                 // in which it was begun
  // Rights that are to be moved, and memory that is to be given: copied into the message, given up when it is sent.
  std::vector<SendRight> kept_rights_;
  std::vector<Memory> kept_memory_;
};

}  // namespace netmsg
