// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/agent_between.h"

#include <mach/mig_errors.h>
#include <servers/netname.h>

#include <thread>

namespace netmsg::conformance {

namespace {

constexpr mach_msg_id_t kReplyIdOffset = 100;

struct Greeting {
  mach_msg_header_t head;
  mach_msg_type_t type;
  mach_port_name_inlined_t task;
};

mach_port_t new_port() {
  mach_port_t port = MACH_PORT_NULL;
  mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
  return port;
}

// A message that was received, to be sent again: the rights in its body are named as they are to be moved on.
void address(mach_msg_header_t* message, mach_port_t remote, unsigned remote_type, mach_port_t local,
             unsigned local_type) {
  message->msgh_bits =
      (message->msgh_bits & MACH_MSGH_BITS_COMPLEX) | MACH_MSGH_BITS(remote_type, local_type);
  message->msgh_remote_port = remote;
  message->msgh_local_port = local;
}

// An answer that says only why there is no other.
void refuse(mach_port_t caller, mach_msg_id_t request, mach_msg_return_t code) {
  mig_reply_header_t reply{};
  address(&reply.Head, caller, MACH_MSG_TYPE_MOVE_SEND_ONCE, MACH_PORT_NULL, 0);
  reply.Head.msgh_id = request + kReplyIdOffset;
  reply.RetCodeType.msgt_name = MACH_MSG_TYPE_INTEGER_32;
  reply.RetCodeType.msgt_size = 32;
  reply.RetCodeType.msgt_inline = 1;
  reply.RetCodeType.msgt_number = 1;
  reply.RetCode = code;
  mach_msg(&reply.Head, MACH_SEND_MSG, sizeof reply, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

}  // namespace

// ---------------------------------------------------------------- introductions

kern_return_t Introduction::listen(const std::string& name) {
  name_ = name;
  port_ = new_port();
  return netname_check_in(name_server_port, name_.c_str(), mach_task_self(), port_);
}

kern_return_t Introduction::greet(const std::string& host, const std::string& name) {
  Greeting greeting{};
  kern_return_t code =
      netname_look_up(name_server_port, host.c_str(), name.c_str(), &greeting.head.msgh_remote_port);
  if (code != KERN_SUCCESS) return code;
  greeting.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  greeting.type.msgt_name = MACH_MSG_TYPE_COPY_SEND;
  greeting.type.msgt_size = 64;
  greeting.type.msgt_inline = 1;
  greeting.type.msgt_number = 1;
  greeting.task.name = mach_task_self();
  return mach_msg(&greeting.head, MACH_SEND_MSG, sizeof greeting, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

kern_return_t Introduction::meet(mach_port_t* other) const {
  Greeting greeting{};
  const kern_return_t code =
      mach_msg(&greeting.head, MACH_RCV_MSG, 0, sizeof greeting, port_, 0, MACH_PORT_NULL);
  *other = greeting.task.name;
  return code;
}

void Introduction::end() {
  netname_check_out(name_server_port, name_.c_str(), mach_task_self());
  mach_port_destroy(mach_task_self(), port_);
}

// ---------------------------------------------------------------- the go-between

kern_return_t Between::listen(const std::string& for_t0, const std::string& for_t1) {
  const kern_return_t code = places_[0].introduction.listen(for_t0);
  return code != KERN_SUCCESS ? code : places_[1].introduction.listen(for_t1);
}

kern_return_t Between::serve() {
  mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &requests_);
  answers_ = new_port();
  for (Place& place : places_) {
    const kern_return_t code = place.introduction.meet(&place.task);
    if (code != KERN_SUCCESS) return code;
    mach_port_move_member(mach_task_self(), place.introduction.port(), requests_);
  }
  std::thread([this] { run(); }).detach();
  return KERN_SUCCESS;
}

void Between::run() {
  union {
    mach_msg_header_t head;
    char room[1024];
  } message{};
  while (mach_msg(&message.head, MACH_RCV_MSG, 0, sizeof message, requests_, 0, MACH_PORT_NULL) ==
         MACH_MSG_SUCCESS) {
    pass_on(&message.head, sizeof message);
  }
}

void Between::pass_on(mach_msg_header_t* request, mach_msg_size_t size_max) {
  const mach_port_t caller = request->msgh_remote_port;
  const mach_msg_id_t id = request->msgh_id;
  const bool first = request->msgh_local_port == places_[0].introduction.port();
  address(request, places_[first ? 0 : 1].task, MACH_MSG_TYPE_COPY_SEND, answers_,
          MACH_MSG_TYPE_MAKE_SEND_ONCE);
  mach_msg_return_t code = mach_msg(request, MACH_SEND_MSG | MACH_RCV_MSG, request->msgh_size, size_max,
                                    answers_, 0, MACH_PORT_NULL);
  if (code == MACH_MSG_SUCCESS) {
    address(request, caller, MACH_MSG_TYPE_MOVE_SEND_ONCE, MACH_PORT_NULL, 0);
    code = mach_msg(request, MACH_SEND_MSG, request->msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
  }
  if (code == MACH_MSG_SUCCESS) return;
  refuse(caller, id, code);
  // A request that was refused has left a notification there.
  mach_port_destroy(mach_task_self(), answers_);
  answers_ = new_port();
}

}  // namespace netmsg::conformance
