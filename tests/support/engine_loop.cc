// SPDX-License-Identifier: Apache-2.0
#include "tests/support/engine_loop.h"

#include <cstring>
#include <utility>

#include "daemon/base/check.h"

namespace netmsg::test {

namespace {

constexpr std::size_t kMessageBytes = 64;
constexpr ipc::OpToken kBrief = 1;   // a call that ends at once, or with the answer
constexpr ipc::OpToken kWaiter = 2;  // the server's, which waits
constexpr mach_msg_size_t kRoom = 4096;

ipc::Limits roomy() {
  ipc::Limits limits;
  limits.names_per_space = 1U << 24;
  return limits;
}

Name must(ipc::Kern<Name> name) {
  NETMSG_CHECK(name.ok());
  return name.value();
}

}  // namespace

EngineLoop::EngineLoop(unsigned names) : engine_(clock_, roomy()) {
  client_.space = &engine_.create_space("client", account_, client_);
  server_.space = &engine_.create_space("server", account_, server_);
  for (unsigned name = 0; name < names; ++name) {
    new_port(server_);
    must(ipc::mach_port::allocate(*client_.space, MACH_PORT_RIGHT_DEAD_NAME));
  }
  queue_ = new_port(server_);
  waited_ = new_port(server_);
  member_ = new_port(server_);
  set_ = must(ipc::mach_port::allocate(*server_.space, MACH_PORT_RIGHT_PORT_SET));
  NETMSG_CHECK(ipc::mach_port::move_member(*server_.space, member_, set_) == KERN_SUCCESS);
  reply_ = new_port(client_);
  moved_ = new_port(client_);
  to_queue_ = send_right_of_client(queue_);
  to_waited_ = send_right_of_client(waited_);
  to_member_ = send_right_of_client(member_);
  run(server_, kWaiter, MACH_RCV_MSG, {}, waited_);
}

EngineLoop::~EngineLoop() {
  engine_.destroy_space(*client_.space);
  engine_.destroy_space(*server_.space);
}

Name EngineLoop::new_port(Task& task) {
  return must(ipc::mach_port::allocate(*task.space, MACH_PORT_RIGHT_RECEIVE));
}

Name EngineLoop::send_right_of_client(Name port) {
  auto right = ipc::mach_port::extract_right(*client_.space, *server_.space, port, MACH_MSG_TYPE_MAKE_SEND);
  NETMSG_CHECK(right.ok());
  return right.value().first;
}

Bytes EngineLoop::message(const Address& address) {
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(address.remote_type, address.local_type);
  header.msgh_size = kMessageBytes;
  header.msgh_remote_port = address.remote;
  header.msgh_local_port = address.local;
  Bytes bytes = std::move(bytes_);
  bytes.resize(kMessageBytes);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

// One send right, and nothing after it: the size is that of its item.
Bytes EngineLoop::with_right(Bytes bytes, Name name) const {
  mach_msg_type_t item{};
  item.msgt_name = MACH_MSG_TYPE_MAKE_SEND;
  item.msgt_size = 64;
  item.msgt_inline = 1;
  item.msgt_number = 1;
  const std::uint64_t value = name;
  mach_msg_bits_t bits = 0;
  std::memcpy(&bits, bytes.data(), sizeof bits);
  bits |= MACH_MSGH_BITS_COMPLEX;
  std::memcpy(bytes.data(), &bits, sizeof bits);
  bytes.resize(sizeof(mach_msg_header_t) + sizeof item + sizeof value);
  std::memcpy(bytes.data() + sizeof(mach_msg_header_t), &item, sizeof item);
  std::memcpy(bytes.data() + sizeof(mach_msg_header_t) + sizeof item, &value, sizeof value);
  return bytes;
}

void EngineLoop::run(Task& task, ipc::OpToken token, mach_msg_option_t option, Bytes message, Name rcv_name) {
  ipc::MsgArgs args;
  args.option = option;
  args.rcv_size = kRoom;
  args.rcv_name = rcv_name;
  args.message = std::move(message);
  engine_.mach_msg(*task.space, token, std::move(args));
}

mach_msg_header_t EngineLoop::take(Task& task) {
  NETMSG_CHECK(task.last.code == MACH_MSG_SUCCESS);
  mach_msg_header_t header;
  bytes_ = std::move(task.last.bytes);
  NETMSG_CHECK(bytes_.size() >= sizeof header);
  std::memcpy(&header, bytes_.data(), sizeof header);
  return header;
}

void EngineLoop::send_and_receive() {
  run(client_, kBrief, MACH_SEND_MSG, message({.remote = to_queue_}), 0);
  run(server_, kBrief, MACH_RCV_MSG, {}, queue_);
  take(server_);
}

void EngineLoop::send_to_waiting() {
  run(client_, kBrief, MACH_SEND_MSG, message({.remote = to_waited_}), 0);
  take(server_);
  run(server_, kWaiter, MACH_RCV_MSG, {}, waited_);
}

void EngineLoop::call() {
  run(client_, kBrief, MACH_SEND_MSG | MACH_RCV_MSG,
      message({.remote = to_waited_, .local = reply_, .local_type = MACH_MSG_TYPE_MAKE_SEND_ONCE}), reply_);
  const Name answer_to = take(server_).msgh_remote_port;
  run(server_, kWaiter, MACH_SEND_MSG | MACH_RCV_MSG,
      message({.remote = answer_to, .remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE}), waited_);
  take(client_);
}

void EngineLoop::move_send_right() {
  run(client_, kBrief, MACH_SEND_MSG, with_right(message({.remote = to_queue_}), moved_), 0);
  run(server_, kBrief, MACH_RCV_MSG, {}, queue_);
  take(server_);
  Name name = 0;
  std::memcpy(&name, bytes_.data() + sizeof(mach_msg_header_t) + sizeof(mach_msg_type_t), sizeof name);
  NETMSG_CHECK(ipc::mach_port::deallocate(*server_.space, name) == KERN_SUCCESS);
}

void EngineLoop::receive_from_set() {
  run(client_, kBrief, MACH_SEND_MSG, message({.remote = to_member_}), 0);
  run(server_, kBrief, MACH_RCV_MSG, {}, set_);
  take(server_);
}

void EngineLoop::look_up() {
  const auto type = ipc::mach_port::type(*client_.space, to_queue_);
  NETMSG_CHECK(type.ok() && type.value() == MACH_PORT_TYPE_SEND);
}

}  // namespace netmsg::test
