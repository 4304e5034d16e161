// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/go_between.h"

#include <cstring>
#include <utility>

namespace netmsg::conformance {

namespace {

constexpr mach_msg_id_t kReplyIdOffset = 100;

// The message as received, to be sent again: the rights in its body are named as they are to be moved on.
Bytes addressed(Bytes message, Name remote, unsigned remote_type, Name local, unsigned local_type) {
  mach_msg_header_t header = test::header_of(message);
  header.msgh_bits = (header.msgh_bits & MACH_MSGH_BITS_COMPLEX) | MACH_MSGH_BITS(remote_type, local_type);
  header.msgh_remote_port = remote;
  header.msgh_local_port = local;
  std::memcpy(message.data(), &header, sizeof header);
  return message;
}

}  // namespace

GoBetween::GoBetween(test::Task& task)
    : task_(task), ports_{task.port_with_sends(1), task.port_with_sends(1)}, answers_(task.port()) {}

bool GoBetween::work() {
  const bool first = take_request(SpaceId::kT0);
  const bool second = take_request(SpaceId::kT1);
  return take_answer() || first || second;
}

bool GoBetween::take_request(SpaceId target) {
  test::Received request = task_.receive(port_to(target));
  if (request.code != MACH_MSG_SUCCESS) return false;
  const Name caller = request.header.msgh_remote_port;
  const Name task_port = tasks_[static_cast<std::size_t>(target)];
  const ipc::MsgResult sent =
      task_.call({.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                  .message = addressed(std::move(request.bytes), task_port, MACH_MSG_TYPE_COPY_SEND, answers_,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE)});
  if (sent.code == MACH_MSG_SUCCESS) {
    caller_ = caller;
  } else {
    refuse(caller, request.header.msgh_id, sent.code);
  }
  return true;
}

bool GoBetween::take_answer() {
  test::Received answer = task_.receive(answers_);
  if (answer.code != MACH_MSG_SUCCESS) return false;
  const Name caller = std::exchange(caller_, MACH_PORT_NULL);
  const mach_msg_id_t id = answer.header.msgh_id;
  const ipc::MsgResult sent =
      task_.call({.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                  .message = addressed(std::move(answer.bytes), caller, MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                       MACH_PORT_NULL, 0)});
  if (sent.code != MACH_MSG_SUCCESS) refuse(caller, id - kReplyIdOffset, sent.code);
  return true;
}

// An answer that says only why there is no other.
void GoBetween::refuse(Name caller, mach_msg_id_t request, mach_msg_return_t code) {
  task_.send({.remote = caller,
              .remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE,
              .id = request + kReplyIdOffset,
              .items = {test::numbers({static_cast<std::uint32_t>(code)})}});
}

}  // namespace netmsg::conformance
