// SPDX-License-Identifier: Apache-2.0
#include "tests/support/engine_world.h"

#include <gtest/gtest.h>

namespace netmsg::test {

namespace {

template <typename T>
T expect_value(ipc::Kern<T> answer) {
  EXPECT_EQ(answer.code(), KERN_SUCCESS);
  return answer.ok() ? answer.value() : T{};
}

}  // namespace

Task::Task(World& world, const std::string& label)
    : world_(world), space_(&world.engine.create_space(label, world.account, *this)) {}

Task::~Task() {
  die();
}

void Task::die() {
  if (space_ == nullptr) return;
  die_quietly();
  world_.check();
}

void Task::die_quietly() {
  world_.engine.destroy_space(*std::exchange(space_, nullptr));
}

Name Task::port() {
  return expect_value(ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_RECEIVE));
}

Name Task::port_with_sends(unsigned n) {
  const Name name = port();
  for (unsigned i = 0; i < n; ++i) make_send(name);
  return name;
}

void Task::make_send(Name name) {
  EXPECT_EQ(ipc::mach_port::insert_right(*space_, *space_, name, name, MACH_MSG_TYPE_MAKE_SEND),
            KERN_SUCCESS);
}

Name Task::port_set() {
  return expect_value(ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_PORT_SET));
}

Name Task::dead_name(unsigned n) {
  const Name name = expect_value(ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_DEAD_NAME));
  EXPECT_EQ(mod_refs(name, MACH_PORT_RIGHT_DEAD_NAME, static_cast<int>(n) - 1), KERN_SUCCESS);
  return name;
}

Name Task::give_send(Task& to, Name name) {
  return expect_value(ipc::mach_port::extract_right(to.space(), *space_, name, MACH_MSG_TYPE_MAKE_SEND))
      .first;
}

Name Task::give_send_once(Task& to, Name name) {
  return expect_value(ipc::mach_port::extract_right(to.space(), *space_, name, MACH_MSG_TYPE_MAKE_SEND_ONCE))
      .first;
}

kern_return_t Task::destroy(Name name) {
  const kern_return_t code = ipc::mach_port::destroy(*space_, name);
  world_.check();
  return code;
}

kern_return_t Task::deallocate(Name name) {
  const kern_return_t code = ipc::mach_port::deallocate(*space_, name);
  world_.check();
  return code;
}

kern_return_t Task::mod_refs(Name name, mach_port_right_t right, int delta) {
  const kern_return_t code = ipc::mach_port::mod_refs(*space_, name, right, delta);
  world_.check();
  return code;
}

kern_return_t Task::set_qlimit(Name name, unsigned limit) {
  const kern_return_t code = ipc::mach_port::set_qlimit(*space_, name, limit);
  world_.check();
  return code;
}

kern_return_t Task::rename(Name name, Name new_name) {
  const kern_return_t code = ipc::mach_port::rename(*space_, name, new_name);
  world_.check();
  return code;
}

kern_return_t Task::move_member(Name member, Name after) {
  const kern_return_t code = ipc::mach_port::move_member(*space_, member, after);
  world_.check();
  return code;
}

kern_return_t Task::request(Name name, mach_msg_id_t id, Name notify, unsigned sync) {
  const auto previous = ipc::mach_port::request_notification(*space_, *space_, name, id, sync, notify,
                                                             MACH_MSG_TYPE_MAKE_SEND_ONCE);
  world_.check();
  return previous.code();
}

mach_port_status_t Task::status(Name name) {
  return expect_value(ipc::mach_port::get_receive_status(*space_, name));
}

std::string Task::state(Name name) {
  const ipc::Kern<mach_port_type_t> type = ipc::mach_port::type(*space_, name);
  if (!type.ok()) return "free";
  const auto refs = [&](mach_port_right_t right) {
    return std::to_string(expect_value(ipc::mach_port::get_refs(*space_, name, right)));
  };
  switch (type.value() & MACH_PORT_TYPE_ALL_RIGHTS) {
    case MACH_PORT_TYPE_RECEIVE:
      return "R";
    case MACH_PORT_TYPE_SEND_RECEIVE:
      return "R+S" + refs(MACH_PORT_RIGHT_SEND);
    case MACH_PORT_TYPE_SEND:
      return "S" + refs(MACH_PORT_RIGHT_SEND);
    case MACH_PORT_TYPE_SEND_ONCE:
      return "SO";
    case MACH_PORT_TYPE_PORT_SET:
      return "PS";
    case MACH_PORT_TYPE_DEAD_NAME:
      return "DN" + refs(MACH_PORT_RIGHT_DEAD_NAME);
    default:
      return "?";
  }
}

bool Task::has_request(Name name) {
  return (expect_value(ipc::mach_port::type(*space_, name)) & MACH_PORT_TYPE_DNREQUEST) != 0;
}

bool Task::has_forced(Name name) {
  return (expect_value(ipc::mach_port::type(*space_, name)) & MACH_PORT_TYPE_MAREQUEST) != 0;
}

ipc::OpToken Task::begin(ipc::MsgArgs args) {
  const ipc::OpToken token = next_token_++;
  world_.engine.mach_msg(*space_, token, std::move(args));
  world_.check();
  return token;
}

std::optional<ipc::MsgResult> Task::result(ipc::OpToken token) {
  auto node = results_.extract(token);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void Task::cancel(ipc::OpToken token) {
  world_.engine.cancel(*space_, token);
  world_.check();
}

ipc::MsgResult Task::call(ipc::MsgArgs args) {
  std::optional<ipc::MsgResult> ended = result(begin(std::move(args)));
  EXPECT_TRUE(ended.has_value()) << "the call waits";
  return ended ? std::move(*ended) : ipc::MsgResult{-1, 0, {}};
}

ipc::MsgResult Task::send_for_result(const Outgoing& message, mach_msg_option_t option, Name notify) {
  ipc::MsgArgs args;
  args.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT | option;
  args.notify = notify;
  args.message = message.encode();
  for (const Item& item : message.items) {
    if (!item.memory.empty()) args.memory.push_back(ipc::MemoryRef::of(item.memory));
  }
  return call(std::move(args));
}

mach_msg_return_t Task::send(const Outgoing& message, mach_msg_option_t option, Name notify) {
  return send_for_result(message, option, notify).code;
}

Received Task::receive(Name name, mach_msg_option_t option, Name notify, unsigned size) {
  ipc::MsgArgs args;
  args.option = MACH_RCV_MSG | MACH_RCV_TIMEOUT | option;
  args.rcv_name = name;
  args.rcv_size = size;
  args.notify = notify;
  ipc::MsgResult ended = call(std::move(args));
  Received received{ended.code, {}, std::move(ended.bytes), {}, std::move(ended.regions)};
  if (ended.offset == 0 && !received.bytes.empty()) {
    received.header = header_of(received.bytes);
    received.values = values_of(received.bytes);
  }
  return received;
}

unsigned Task::drain(Name name, mach_msg_id_t id) {
  unsigned count = 0;
  for (Received got = receive(name); got.code == MACH_MSG_SUCCESS; got = receive(name)) {
    if (got.header.msgh_id == id) ++count;
  }
  return count;
}

void Task::complete(ipc::OpToken token, ipc::MsgResult&& result) {
  EXPECT_TRUE(results_.emplace(token, std::move(result)).second) << "two results for one call";
}

}  // namespace netmsg::test
