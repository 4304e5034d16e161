// SPDX-License-Identifier: Apache-2.0
// A scripted program for the tests of the name service: a space whose calls and results are at hand.
#pragma once

#include <gtest/gtest.h>
#include <mach/mig_errors.h>
#include <servers/netname_defs.h>

#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/mach_port.h"
#include "daemon/names/wire.h"

namespace netmsg::names {

struct Item {
  std::uint64_t type;
  ipc::Bytes data;
  ipc::Bytes memory = {};  // out of line
};

inline std::uint64_t item_type(unsigned name, unsigned bits, bool longform, std::uint32_t number = 1) {
  return name | std::uint64_t{bits} << 8 | 1ULL << 29 | std::uint64_t{longform} << 30 |
         std::uint64_t{number} << 32;
}
inline Item string_item(const std::string& text) {
  Item item{item_type(MACH_MSG_TYPE_STRING, 640, true), ipc::Bytes(80)};
  std::memcpy(item.data.data(), text.data(), std::min<std::size_t>(text.size(), 80));
  return item;
}
inline Item port_item(mach_msg_type_name_t disposition, ipc::Name name) {
  Item item{item_type(disposition, 64, false), ipc::Bytes(8)};
  std::memcpy(item.data.data(), &name, sizeof(name));
  return item;
}
// Out of line.
inline Item array_item(mach_msg_type_name_t disposition, const std::vector<ipc::Name>& names) {
  constexpr std::uint64_t kInline = 1ULL << 29;
  const auto count = static_cast<std::uint32_t>(names.size());
  const auto bytes = std::as_bytes(std::span(names));
  return {item_type(disposition, 32, false, count) & ~kInline, ipc::Bytes(8), {bytes.begin(), bytes.end()}};
}
inline Item code_item(kern_return_t code) {
  Item item{item_type(MACH_MSG_TYPE_INTEGER_32, 32, false), ipc::Bytes(8)};
  std::memcpy(item.data.data(), &code, sizeof(code));
  return item;
}

inline ipc::Bytes message(mach_msg_bits_t bits, ipc::Name remote, ipc::Name local, mach_msg_id_t id,
                          const std::vector<Item>& items) {
  mach_msg_header_t head{};
  head.msgh_bits = bits;
  head.msgh_remote_port = remote;
  head.msgh_local_port = local;
  head.msgh_id = id;
  ipc::Bytes bytes(sizeof(head));
  std::memcpy(bytes.data(), &head, sizeof(head));
  for (const Item& item : items) {
    const auto* type = reinterpret_cast<const std::byte*>(&item.type);
    bytes.insert(bytes.end(), type, type + sizeof(item.type));
    bytes.insert(bytes.end(), item.data.begin(), item.data.end());
  }
  return bytes;
}

inline std::vector<ipc::MemoryRef> memory_of(const std::vector<Item>& items) {
  std::vector<ipc::MemoryRef> memory;
  for (const Item& item : items) {
    if (!item.memory.empty()) memory.push_back(ipc::MemoryRef::of(item.memory));
  }
  return memory;
}

inline std::int32_t int_at(const ipc::Bytes& bytes, std::size_t offset) {
  std::int32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

class Client final : public ipc::Completions {
 public:
  Client(ipc::Engine& engine, ipc::Account& account)
      : engine_(engine), space_(&engine.create_space("client", account, *this)) {
    reply_port_ = receive_right();
  }
  ~Client() override { die(); }

  void die() {
    if (space_ != nullptr) engine_.destroy_space(*space_);
    space_ = nullptr;
  }
  ipc::Space& space() { return *space_; }

  ipc::Name receive_right() { return ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_RECEIVE).value(); }
  void destroy(ipc::Name name) { EXPECT_EQ(ipc::mach_port::destroy(*space_, name), KERN_SUCCESS); }
  mach_port_type_t type(ipc::Name name) {
    const auto type = ipc::mach_port::type(*space_, name);
    return type.ok() ? type.value() : 0;
  }
  mach_port_urefs_t send_refs(ipc::Name name) {
    return ipc::mach_port::get_refs(*space_, name, MACH_PORT_RIGHT_SEND).value();
  }
  ipc::Name take(ipc::SendRight right) { return engine_.insert_send(*space_, std::move(right)).value(); }
  ipc::SendRight send_right(ipc::Name name) { return std::move(engine_.copy_send(*space_, name).value()); }

  // Where the calls below go.
  void use_server(ipc::SendRight right) { server_ = take(std::move(right)); }
  ipc::Name server() const { return server_; }

  // --- mach_msg; a token to look the result up with ---
  ipc::OpToken start(ipc::MsgArgs args) {
    const ipc::OpToken token = ++last_token_;
    engine_.mach_msg(*space_, token, std::move(args));
    return token;
  }
  // Null while the call waits.
  const ipc::MsgResult* result(ipc::OpToken token) const {
    const auto found = results_.find(token);
    return found == results_.end() ? nullptr : &found->second;
  }
  mach_msg_return_t send(ipc::Bytes bytes, std::vector<ipc::MemoryRef> memory = {}) {
    ipc::MsgArgs args;
    args.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
    args.message = std::move(bytes);
    args.memory = std::move(memory);
    return result(start(std::move(args)))->code;
  }
  ipc::OpToken start_receive(ipc::Name port, mach_msg_option_t more = 0) {
    ipc::MsgArgs args;
    args.option = MACH_RCV_MSG | more;
    args.rcv_size = 4096;
    args.rcv_name = port;
    return start(std::move(args));
  }
  // Nothing if no message is there.
  std::optional<ipc::Bytes> poll(ipc::Name port) {
    const auto got = result(start_receive(port, MACH_RCV_TIMEOUT));
    return got && got->code == MACH_MSG_SUCCESS ? std::optional(got->bytes) : std::nullopt;
  }
  // Request and reply on the reply port.
  ipc::OpToken start_call(mach_msg_id_t id, const std::vector<Item>& items, bool complex) {
    ipc::MsgArgs args;
    args.option = MACH_SEND_MSG | MACH_RCV_MSG;
    args.rcv_size = 4096;
    args.rcv_name = reply_port_;
    const mach_msg_bits_t bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) |
                                 (complex ? MACH_MSGH_BITS_COMPLEX : 0);
    args.message = message(bits, server_, reply_port_, id, items);
    args.memory = memory_of(items);
    return start(std::move(args));
  }
  struct Reply {
    mach_msg_return_t msg = MACH_RCV_IN_PROGRESS;  // still waiting
    std::int32_t id = 0;
    std::size_t size = 0;
    kern_return_t code = 0;
    ipc::Name port = 0;
  };
  Reply reply(ipc::OpToken token) {
    const auto got = result(token);
    if (!got) return {};
    Reply reply{got->code, 0, got->bytes.size(), 0, 0};
    if (got->code != MACH_MSG_SUCCESS) return reply;
    reply.id = int_at(got->bytes, 28);
    if (reply.size >= kCodeReplySize) reply.code = int_at(got->bytes, 40);
    if (reply.size == kLookUpReplySize) reply.port = static_cast<ipc::Name>(int_at(got->bytes, 56));
    return reply;
  }
  kern_return_t code_of(ipc::OpToken token) {
    const Reply got = reply(token);
    return got.msg == MACH_MSG_SUCCESS ? got.code : got.msg;
  }

  // --- the calls of 08 §3 ---
  kern_return_t check_in(const std::string& name, ipc::Name signature, ipc::Name port) {
    return code_of(start_call(kCheckInId,
                              {string_item(name), port_item(MACH_MSG_TYPE_COPY_SEND, signature),
                               port_item(MACH_MSG_TYPE_MAKE_SEND, port)},
                              true));
  }
  kern_return_t check_out(const std::string& name, ipc::Name signature) {
    return code_of(
        start_call(kCheckOutId, {string_item(name), port_item(MACH_MSG_TYPE_COPY_SEND, signature)}, true));
  }
  ipc::OpToken start_look_up(const std::string& host, const std::string& name) {
    return start_call(kLookUpId, {string_item(host), string_item(name)}, false);
  }
  Reply look_up(const std::string& name, const std::string& host = "") {
    return reply(start_look_up(host, name));
  }

  std::size_t results() const { return results_.size(); }

 private:
  void complete(ipc::OpToken token, ipc::MsgResult&& result) override {
    results_.emplace(token, std::move(result));
  }

  ipc::Engine& engine_;
  ipc::Space* space_;
  ipc::Name reply_port_ = 0;
  ipc::Name server_ = 0;
  ipc::OpToken last_token_ = 0;
  std::map<ipc::OpToken, ipc::MsgResult> results_;
};

}  // namespace netmsg::names
