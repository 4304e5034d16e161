// SPDX-License-Identifier: Apache-2.0
#include "tests/system/puppet_task.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace netmsg::test {

namespace {

constexpr unsigned kReceiveSize = 4096;
constexpr unsigned kPatienceMs = 20000;

std::string next_name() {
  static int count = 0;
  return "puppet " + std::to_string(++count);
}

Bytes bytes_of(const std::string& text) {
  Bytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

}  // namespace

PuppetTask::Sockets::Sockets() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error("socketpair");
  ours.reset(ends[0]);
  theirs.reset(ends[1]);
}

PuppetTask::PuppetTask(const Host& host) : PuppetTask(host, Sockets()) {}

PuppetTask::PuppetTask(const Host& host, Sockets sockets)
    : host_(host),
      socket_(std::move(sockets.ours)),
      process_({PUPPET_PROGRAM, std::to_string(sockets.theirs.get())}, host.environment(),
               sockets.theirs.get()),
      mailbox_name_(next_name()) {
  sockets.theirs.reset();
  mailbox_ = port();
  if (tell(Do::kCheckIn, {mailbox_}, bytes_of(mailbox_name_)).head.code != KERN_SUCCESS)
    throw std::runtime_error("no puppet on " + host.name() + ": " + process_.output());
}

PuppetTask::Answer PuppetTask::tell(Do what, std::initializer_list<std::uint32_t> values,
                                    const Bytes& bytes) {
  PuppetCall call{what, {}};
  std::copy(values.begin(), values.end(), call.values);
  Bytes datagram(sizeof call);
  std::memcpy(datagram.data(), &call, sizeof call);
  datagram.insert(datagram.end(), bytes.begin(), bytes.end());
  ::send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
  datagram.resize(kPuppetBytesMax);
  const ssize_t size = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
  Answer answer{};
  if (size < static_cast<ssize_t>(sizeof answer.head))
    throw std::runtime_error("the puppet on " + host_.name() + " is gone: " + process_.output());
  std::memcpy(&answer.head, datagram.data(), sizeof answer.head);
  answer.bytes.assign(datagram.begin() + sizeof answer.head, datagram.begin() + size);
  return answer;
}

PuppetTask::Message PuppetTask::message(const Answer& answer) {
  return {answer.head.code, header_of(answer.bytes), values_of(answer.bytes)};
}

Name PuppetTask::port() {
  return tell(Do::kAllocate, {MACH_PORT_RIGHT_RECEIVE}).head.values[0];
}

mach_msg_return_t PuppetTask::send(const Outgoing& outgoing, unsigned timeout_ms) {
  return send_for_result(outgoing, timeout_ms).code;
}

PuppetTask::Message PuppetTask::send_for_result(const Outgoing& outgoing, unsigned timeout_ms) {
  return message(
      tell(Do::kMachMsg, {MACH_SEND_MSG | MACH_SEND_TIMEOUT, 0, 0, timeout_ms, 0}, outgoing.encode()));
}

void PuppetTask::begin_send(const Outgoing& outgoing, std::optional<unsigned> timeout_ms) {
  const std::uint32_t option = timeout_ms ? MACH_SEND_MSG | MACH_SEND_TIMEOUT : MACH_SEND_MSG;
  tell(Do::kBegin, {option, 0, 0, timeout_ms.value_or(0), 0}, outgoing.encode());
}

bool PuppetTask::has_ended() {
  return tell(Do::kHasEnded, {}).head.values[0] != 0;
}

PuppetTask::Message PuppetTask::end() {
  return message(tell(Do::kEnd, {}));
}

PuppetTask::Message PuppetTask::receive(Name from, unsigned timeout_ms, mach_msg_option_t option,
                                        Name notify) {
  const auto options = static_cast<std::uint32_t>(MACH_RCV_MSG | MACH_RCV_TIMEOUT | option);
  return message(tell(Do::kMachMsg, {options, kReceiveSize, from, timeout_ms, notify}));
}

unsigned PuppetTask::drain(Name from, mach_msg_id_t id) {
  return tell(Do::kDrain, {from, static_cast<std::uint32_t>(id)}).head.values[0];
}

kern_return_t PuppetTask::destroy(Name name) {
  return tell(Do::kDestroy, {name}).head.code;
}

kern_return_t PuppetTask::mod_refs(Name name, mach_port_right_t right, int difference) {
  return tell(Do::kModRefs, {name, right, static_cast<std::uint32_t>(difference)}).head.code;
}

kern_return_t PuppetTask::make_send(Name own) {
  return tell(Do::kInsert, {own, own, MACH_MSG_TYPE_MAKE_SEND}).head.code;
}

Name PuppetTask::make_send_once(Name own) {
  return tell(Do::kExtract, {own, MACH_MSG_TYPE_MAKE_SEND_ONCE}).head.values[0];
}

kern_return_t PuppetTask::request(Name name, mach_msg_id_t kind, Name notify) {
  return tell(Do::kRequest, {name, static_cast<std::uint32_t>(kind), 0, notify}).head.code;
}

kern_return_t PuppetTask::set_qlimit(Name own, unsigned limit) {
  return tell(Do::kSetQlimit, {own, limit}).head.code;
}

std::string PuppetTask::state(Name name) {
  const Bytes bytes = tell(Do::kState, {name}).bytes;
  std::string text(bytes.size(), ' ');
  std::transform(bytes.begin(), bytes.end(), text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

PuppetTask::Status PuppetTask::status(Name own) {
  const Answer answer = tell(Do::kStatus, {own});
  EXPECT_EQ(answer.head.code, KERN_SUCCESS);
  const std::uint32_t* v = answer.head.values;
  return {v[0], v[1], v[2], v[3], v[4]};
}

Name PuppetTask::give(Name right, unsigned disposition, PuppetTask& to) {
  const Answer mailbox = tell(Do::kLookUp, {}, bytes_of(to.host_.name() + '\0' + to.mailbox_name_));
  EXPECT_EQ(mailbox.head.code, KERN_SUCCESS) << to.host_.name();
  EXPECT_EQ(send({.remote = mailbox.head.values[0],
                  .remote_type = MACH_MSG_TYPE_MOVE_SEND,
                  .items = {rights(disposition, {right})}},
                 kPatienceMs),
            MACH_MSG_SUCCESS);
  const Message got = to.receive(to.mailbox_, kPatienceMs);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  return got.values.empty() ? Name{0} : got.values.front();
}

}  // namespace netmsg::test
