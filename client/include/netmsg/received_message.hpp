// SPDX-License-Identifier: Apache-2.0
// A message that has arrived. It owns what came in it: the right to answer, the rights and the memory of the body.
// The items are taken in their order, each with its type; what is not taken is given up in the destructor. Nothing
// a sender can send makes a take do more than fail: MIG_TYPE_ERROR (another item, or none left), and the item is
// still there. Texts and arrays are looked at where they are: they are valid until the message is cleared, moved or
// gone. The child of a fork gives up only the memory of a message that it has inherited, and takes nothing from it.
// Threads: as any value, one at a time.
#pragma once

#include <mach.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <netmsg/buffer.hpp>
#include <netmsg/item.hpp>
#include <netmsg/memory.hpp>
#include <netmsg/message.hpp>
#include <netmsg/port_set.hpp>
#include <netmsg/receive_right.hpp>
#include <netmsg/reply_right.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/timeout.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace netmsg {

// Some elements in a message, as they lie there.
template <typename T>
class View {
 public:
  View(const T* data, std::size_t size) : data_(data), size_(size) {}
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T& operator[](std::size_t index) const { return data_[index]; }

 private:
  const T* data_;
  std::size_t size_;
};

class ReceivedMessage {
 public:
  ReceivedMessage() = default;
  ~ReceivedMessage() { clear(); }
  ReceivedMessage(ReceivedMessage&& other) noexcept { take(other); }
  ReceivedMessage& operator=(ReceivedMessage&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take(other);
    return *this;
  }

  // ---- the header. All zero if there is no message: none has come, or it was cleared or moved from.

  const mach_msg_header_t& header() const { return *buffer_.header(); }
  mach_msg_id_t id() const { return header().msgh_id; }
  // The port it came to; MACH_PORT_NULL if that has a payload.
  mach_port_name_t arrived_at() const { return has_payload() ? MACH_PORT_NULL : header().msgh_local_port; }
  // True: the sender used up a send-once right. What the daemon sends comes so; so may what others send who have
  // been given such a right.
  bool arrived_by_send_once() const { return local_type() == MACH_MSG_TYPE_PORT_SEND_ONCE; }
  bool has_payload() const { return local_type() == MACH_MSG_TYPE_PROTECTED_PAYLOAD; }
  // mach_port_set_protected_payload. REQUIRES: has_payload().
  rpc_uintptr_t payload() const { return header().msgh_protected_payload; }

  bool wants_reply() const { return MACH_PORT_VALID(header().msgh_remote_port); }
  // Empty if nobody waits, or it was taken already.
  ReplyRight take_reply_right() {
    const mach_port_name_t name = std::exchange(buffer_.header()->msgh_remote_port, MACH_PORT_NULL);
    return ReplyRight::adopt(name, MACH_MSGH_BITS_REMOTE(header().msgh_bits));
  }

  // ---- the items

  bool at_end() const { return at_ >= size_; }
  // The next item's descriptor.
  Result<mach_msg_type_t> peek() const {
    detail::Item item{};
    if (!detail::item_at(buffer_.data(), size_, at_, &item)) return wrong();
    return item.type;
  }
  // Leaves it to the destructor.
  Result<void> skip() {
    detail::Item item{};
    if (!detail::item_at(buffer_.data(), size_, at_, &item)) return wrong();
    at_ = item.next;
    return {};
  }

  Result<std::int32_t> take_int32() { return take_integer<std::int32_t>(); }
  Result<std::int64_t> take_int64() { return take_integer<std::int64_t>(); }
  // An item of STRING_C or CHAR, up to its first NUL.
  Result<std::string_view> take_string() {
    const View<std::byte> bytes = next_data({MACH_MSG_TYPE_STRING_C, MACH_MSG_TYPE_CHAR});
    if (bytes.data() == nullptr) return wrong();
    const auto* const text = reinterpret_cast<const char*>(bytes.data());
    return std::string_view(text, ::strnlen(text, bytes.size()));
  }
  // An item of BYTE or UNSTRUCTURED.
  Result<View<std::byte>> take_bytes() {
    const View<std::byte> bytes = next_data({MACH_MSG_TYPE_BYTE, MACH_MSG_TYPE_UNSTRUCTURED});
    if (bytes.data() == nullptr) return wrong();
    return bytes;
  }
  // Whole numbers of 1, 2, 4 or 8 bytes, any number of them.
  template <typename T>
  Result<View<T>> take_array() {
    detail::Item item{};
    if (!next_is(detail::integer_type<T>(), 8 * sizeof(T), true, &item)) return wrong();
    at_ = item.next;
    return View<T>(reinterpret_cast<const T*>(buffer_.data() + item.content), item.type.msgt_number);
  }
  // The name of a port in a notification: a number, no right.
  Result<mach_port_name_t> take_port_name() {
    const View<std::byte> bytes = next_element(MACH_MSG_TYPE_PORT_NAME, 32);
    if (bytes.data() == nullptr) return wrong();
    return detail::name_at(bytes.data());
  }

  // An item of data out of line, of any type that is not of rights.
  Result<Memory> take_memory() {
    detail::Item item{};
    if (!is_complex() || !detail::item_at(buffer_.data(), size_, at_, &item)) return wrong();
    if (item.type.msgt_inline || MACH_MSG_TYPE_PORT_ANY(item.type.msgt_name)) return wrong();
    at_ = item.next;
    return take_region(item);
  }

  // One right. It may be empty or dead: as it was sent, or its port has died on the way.
  Result<SendRight> take_send() { return take_right<SendRight>(MACH_MSG_TYPE_PORT_SEND); }
  Result<SendOnceRight> take_send_once() { return take_right<SendOnceRight>(MACH_MSG_TYPE_PORT_SEND_ONCE); }
  Result<ReceiveRight> take_receive() { return take_right<ReceiveRight>(MACH_MSG_TYPE_PORT_RECEIVE); }
  // Any number of send rights, in line or out of line.
  Result<std::vector<SendRight>> take_send_array() {
    detail::Item item{};
    if (!is_complex() || !detail::item_at(buffer_.data(), size_, at_, &item)) return wrong();
    const detail::Rights names = detail::rights_of(buffer_.data(), item);
    if (item.type.msgt_name != MACH_MSG_TYPE_PORT_SEND || names.count != item.type.msgt_number)
      return wrong();
    std::vector<SendRight> rights;
    rights.reserve(names.count);
    at_ = item.next;
    for (std::size_t index = 0; index < names.count; ++index)
      rights.push_back(SendRight::adopt(names.take(index)));
    return rights;
  }

  // Gives up what has not been taken.
  void clear() {
    if (size_ != 0) give_up();
    *buffer_.header() = {};
    size_ = 0;
    at_ = 0;
  }

 private:
  friend class Batch;
  friend class ReceiveRight;
  friend class PortSet;
  friend Result<ReceivedMessage> call(const SendRight& to, Message& request, Timeout timeout);

  static Error wrong() { return Error(MIG_TYPE_ERROR); }
  mach_msg_type_name_t local_type() const { return MACH_MSGH_BITS_LOCAL(header().msgh_bits); }
  bool is_complex() const { return (header().msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0; }

  void give_up() {
    if (space_.is_ours()) take_reply_right().reset();
    if (is_complex()) detail::drop_items(buffer_.data(), size_, space_);
  }
  void take(ReceivedMessage& other) {
    buffer_ = std::move(other.buffer_);
    space_ = other.space_;
    size_ = std::exchange(other.size_, 0);
    at_ = std::exchange(other.at_, 0);
  }

  // From a port or a set; contract: ReceiveRight::receive_into.
  Result<void> receive_from(mach_port_name_t from, Timeout timeout) {
    clear();
    for (;;) {
      const mach_msg_return_t code =
          mach_msg(buffer_.header(), MACH_RCV_MSG | MACH_RCV_LARGE | timeout.options(MACH_RCV_TIMEOUT), 0,
                   buffer_.capacity(), from, timeout.ms(), MACH_PORT_NULL);
      if (code != MACH_RCV_TOO_LARGE) return filled(code);
      if (buffer_.reserve(header().msgh_size, 0)) continue;
      clear();
      return Error(KERN_RESOURCE_SHORTAGE);
    }
  }
  // After a receive: takes over what has come. What has not come whole is given up.
  Result<void> filled(mach_msg_return_t code) {
    const bool has_come = code == MACH_MSG_SUCCESS || (code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
    if (has_come) size_ = header().msgh_size;
    space_ = {};
    at_ = detail::kHeaderSize;
    if (code != MACH_MSG_SUCCESS) clear();
    return Result<void>::of(code);
  }

  // The return code of a reply to the request of this id; or why it is none.
  kern_return_t answer_to(mach_msg_id_t request) {
    if (id() == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
    if (id() != detail::reply_id(request)) return MIG_REPLY_MISMATCH;
    const Result<std::int32_t> answer = take_int32();
    return answer ? answer.value() : answer.code();
  }

  bool next_is(unsigned name, unsigned bits, bool is_inline, detail::Item* item) const {
    return detail::item_at(buffer_.data(), size_, at_, item) && detail::is_type(item->type, name, bits) &&
           (item->type.msgt_inline != 0) == is_inline;
  }
  // The data of an inline item of one of two types. Null: it is none.
  View<std::byte> next_data(std::pair<unsigned, unsigned> names) {
    detail::Item item{};
    if (!detail::item_at(buffer_.data(), size_, at_, &item) || !item.type.msgt_inline) return {nullptr, 0};
    if (item.type.msgt_name != names.first && item.type.msgt_name != names.second) return {nullptr, 0};
    at_ = item.next;
    return {buffer_.data() + item.content, item.length};
  }
  // One inline element. Null: it is none.
  View<std::byte> next_element(unsigned name, unsigned bits) {
    detail::Item item{};
    if (!next_is(name, bits, true, &item) || item.type.msgt_number != 1) return {nullptr, 0};
    at_ = item.next;
    return {buffer_.data() + item.content, item.length};
  }
  template <typename T>
  Result<T> take_integer() {
    const View<std::byte> bytes = next_element(detail::integer_type<T>(), 8 * sizeof(T));
    if (bytes.data() == nullptr) return wrong();
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  // Only what a complex message says of rights and memory has been looked at by the daemon.
  template <typename Right>
  Result<Right> take_right(unsigned type) {
    detail::Item item{};
    if (!is_complex() || !next_is(type, detail::kInlineRightBits, true, &item)) return wrong();
    if (item.type.msgt_number != 1) return wrong();
    at_ = item.next;
    return Right::adopt(detail::rights_of(buffer_.data(), item).take(0));
  }
  Memory take_region(const detail::Item& item) {
    const vm_address_t address = detail::address_of(buffer_.data(), item);
    std::memset(buffer_.data() + item.content, 0, sizeof address);
    return Memory::adopt(address, address == 0 ? 0 : item.length);
  }

  detail::Buffer buffer_;
  std::uint32_t size_ = 0;  // 0: there is no message
  std::uint32_t at_ = 0;    // the next item
  detail::Space space_;     // in which it was received
};

inline Result<void> ReceiveRight::receive_into(ReceivedMessage& message, Timeout timeout) const {
  return message.receive_from(name(), timeout);
}
inline Result<void> PortSet::receive_into(ReceivedMessage& message, Timeout timeout) const {
  return message.receive_from(name(), timeout);
}

inline Result<ReceivedMessage> ReceiveRight::receive(Timeout timeout) const {
  ReceivedMessage message;
  if (const auto received = receive_into(message, timeout); !received) return received.error();
  return message;
}
inline Result<ReceivedMessage> PortSet::receive(Timeout timeout) const {
  ReceivedMessage message;
  if (const auto received = receive_into(message, timeout); !received) return received.error();
  return message;
}

}  // namespace netmsg
