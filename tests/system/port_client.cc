// SPDX-License-Identifier: Apache-2.0
#include "tests/system/port_client.h"

#include <gtest/gtest.h>
#include <servers/netname.h>

#include <cstdlib>
#include <cstring>

namespace netmsg::test {

namespace {

constexpr unsigned kPatienceMs = 20000;

}  // namespace

Host& here() {
  static Host only("here", 0, {});
  return only;
}

TwoHosts& here_and_there() {
  static TwoHosts both;
  return both;
}

void become_client_of(const Host& host) {
  ::setenv("NETMSGD_SOCKET", host.socket().c_str(), 1);
  const mach_port_t first = mach_reply_port();
  if (first == MACH_PORT_NULL) throw std::runtime_error("no daemon at " + host.socket());
  mach_port_destroy(mach_task_self(), first);
}

ReceivedMessage send_for_result(const Outgoing& message, mach_msg_option_t option, mach_port_t notify) {
  Bytes bytes = message.encode();
  const mach_msg_return_t code =
      mach_msg(reinterpret_cast<mach_msg_header_t*>(bytes.data()), MACH_SEND_MSG | MACH_SEND_TIMEOUT | option,
               static_cast<mach_msg_size_t>(bytes.size()), 0, MACH_PORT_NULL, 0, notify);
  return {code, header_of(bytes), values_of(bytes)};
}

mach_msg_return_t send_message(const Outgoing& message, mach_msg_option_t option, mach_port_t notify) {
  return send_for_result(message, option, notify).code;
}

ReceivedMessage receive_message(mach_port_t port, unsigned timeout_ms, mach_msg_option_t option,
                                mach_port_t notify) {
  Bytes bytes(4096);
  auto* head = reinterpret_cast<mach_msg_header_t*>(bytes.data());
  const mach_msg_return_t code =
      mach_msg(head, MACH_RCV_MSG | MACH_RCV_TIMEOUT | option, 0, static_cast<mach_msg_size_t>(bytes.size()),
               port, timeout_ms, notify);
  const bool whole = code == MACH_MSG_SUCCESS || (code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
  bytes.resize(whole ? head->msgh_size : sizeof *head);
  return {code, header_of(bytes), values_of(bytes)};
}

mach_port_t new_port() {
  mach_port_t name = MACH_PORT_NULL;
  EXPECT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name), KERN_SUCCESS);
  return name;
}

std::string state_of(const BroughtRight& right) {
  return state_text(right.entry, right.urefs);
}

unsigned drain(mach_port_t port, mach_msg_id_t id) {
  unsigned count = 0;
  for (ReceivedMessage got = receive_message(port); got.code == MACH_MSG_SUCCESS;
       got = receive_message(port)) {
    if (got.header.msgh_id == id) ++count;
  }
  return count;
}

kern_return_t request_death(mach_port_t name, mach_port_t notify) {
  mach_port_t previous = MACH_PORT_NULL;
  return mach_port_request_notification(mach_task_self(), name, MACH_NOTIFY_DEAD_NAME, 0, notify,
                                        MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

PortServerClient::PortServerClient(const Host& own_host, const Host& server_host, const std::string& name)
    : server_({PORT_SERVER_PROGRAM, name}, server_host.environment()) {
  become_client_of(own_host);
  const bool found = eventually([&] {
    return netname_look_up(name_server_port, server_host.name().c_str(), name.c_str(), &control_) ==
           NETNAME_SUCCESS;
  });
  if (!found) throw std::runtime_error("no port server: " + server_.output());
  reply_ = test::new_port();
}

ReceivedMessage PortServerClient::call(Ask what, std::initializer_list<std::uint32_t> values) {
  struct {
    ValuesMessage message;
    char room[256];
  } buffer{};
  ValuesMessage& message = buffer.message;
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.head.msgh_remote_port = control_;
  message.head.msgh_local_port = reply_;
  message.head.msgh_id = static_cast<mach_msg_id_t>(what);
  message.type = values_type();
  std::copy(values.begin(), values.end(), message.values);
  const mach_msg_return_t code = mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT,
                                          sizeof message, sizeof buffer, reply_, kPatienceMs, MACH_PORT_NULL);
  if (code != MACH_MSG_SUCCESS)
    throw std::runtime_error(std::string("port server: ") + mach_error_string(code));
  Bytes bytes(message.head.msgh_size);
  std::memcpy(bytes.data(), &buffer, bytes.size());
  return {code, header_of(bytes), values_of(bytes)};
}

std::vector<std::uint32_t> PortServerClient::ask(Ask what, std::initializer_list<std::uint32_t> values) {
  return call(what, values).values;
}

mach_port_t PortServerClient::right(Ask what) {
  return call(what, {}).values.at(0);
}

namespace {

ReceivedValues received_from(const std::vector<std::uint32_t>& values) {
  ReceivedValues got{};
  std::memcpy(&got, values.data(), sizeof got);
  return got;
}

}  // namespace

ReceivedValues PortServerClient::receive(std::uint32_t timeout_ms, bool notify) {
  return received_from(ask(Ask::kReceive, {timeout_ms, notify ? 1U : 0U}));
}

ReceivedValues PortServerClient::race(std::uint32_t receive_delay_ns, std::uint32_t destroy_delay_ns,
                                      bool wholly) {
  return received_from(ask(Ask::kRace, {receive_delay_ns, destroy_delay_ns, wholly ? 1U : 0U}));
}

}  // namespace netmsg::test
