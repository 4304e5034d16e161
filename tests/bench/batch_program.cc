// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/batch_program.h"

#include <servers/netname.h>

#include <algorithm>

#include "tests/bench/mach_program.h"
#include "tests/bench/patience.h"

namespace netmsg::bench {

namespace {

constexpr mach_msg_size_t kBytes = 64;
constexpr mach_msg_option_t kReceiveNow = MACH_RCV_MSG | MACH_RCV_TIMEOUT;

// A set with kPorts ports in it.
mach_port_t new_set(PortSet& ports) {
  mach_port_t set = MACH_PORT_NULL;
  must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set), "a port set");
  for (mach_port_t& port : ports) {
    must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "a port");
    must_succeed(mach_port_set_qlimit(mach_task_self(), port, MACH_PORT_QLIMIT_MAX), "a queue limit");
    must_succeed(mach_port_move_member(mach_task_self(), port, set), "a member");
  }
  return set;
}

std::string numbered(const std::string& name, unsigned port) {
  return name + "." + std::to_string(port);
}

void address(mach_msg_header_t& head, mach_port_t to, mach_msg_id_t id) {
  head = {};
  head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  head.msgh_remote_port = to;
  head.msgh_id = id;
}

netmsg_operation_t send_of(mach_msg_header_t& head) {
  return {&head, MACH_SEND_MSG, kBytes, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL, 0};
}

class BatchServer {
 public:
  explicit BatchServer(const std::string& name) : set_(new_set(ports_)) {
    for (unsigned port = 0; port < kPorts; ++port)
      must_succeed(
          netname_check_in(name_server_port, numbered(name, port).c_str(), mach_task_self(), ports_[port]),
          "a check-in");
  }

  // The answers go out with the receives of what comes next: the first waits, the others take what there is.
  [[noreturn]] void run() {
    for (;;) {
      for (unsigned index = 0; index < kInFlight; ++index) receive_into(index);
      const auto count = static_cast<unsigned>(operations_.size());
      const unsigned begun = netmsg_msgv(operations_.data(), count, NETMSG_STOP);
      take(begun);
    }
  }

 private:
  struct Message {
    mach_msg_header_t head;
    char rest[kBytes];
  };

  void receive_into(unsigned index) {
    const mach_msg_option_t option = index == 0 ? MACH_RCV_MSG : kReceiveNow;
    operations_.push_back({&received_[index].head, option, 0, sizeof(Message), set_, 0, MACH_PORT_NULL, 0});
  }

  // Of what was begun the answers come first.
  void take(unsigned begun) {
    const auto answers = static_cast<unsigned>(operations_.size()) - kInFlight;
    unsigned received = begun - answers;
    if (operations_[begun - 1].result == MACH_RCV_TIMED_OUT)
      --received;
    else
      must_succeed(operations_[begun - 1].result, "the server's call");
    operations_.clear();
    for (unsigned index = 0; index < received; ++index) on_request(index);
  }

  void on_request(unsigned index) {
    const mach_msg_header_t request = received_[index].head;
    const auto port = std::find(ports_.begin(), ports_.end(), request.msgh_local_port) - ports_.begin();
    mach_port_t& back = back_[static_cast<std::size_t>(port)];
    if (request.msgh_id == kIntroduce) {
      back = request.msgh_remote_port;
      return;
    }
    Message& answer = answers_[operations_.size()];
    address(answer.head, back, request.msgh_id + 100);
    operations_.push_back(send_of(answer.head));
  }

  PortSet ports_{};
  PortSet back_{};
  mach_port_t set_;  // of the former
  std::vector<Message> received_{kInFlight};
  std::vector<Message> answers_{kInFlight};
  std::vector<netmsg_operation_t> operations_;
};

}  // namespace

void serve_batches(const std::string& name) {
  BatchServer(name).run();
}

BatchCaller::BatchCaller(const std::string& server) : set_(new_set(replies_)) {
  Patience patience;
  for (unsigned port = 0; port < kPorts; ++port) {
    while (netname_look_up(name_server_port, "", numbered(server, port).c_str(), &services_[port]) !=
           KERN_SUCCESS)
      patience.rest("the server is not there");
    introduce(port);
  }
}

void BatchCaller::introduce(unsigned port) {
  mach_msg_header_t head;
  address(head, services_[port], kIntroduce);
  head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND);
  head.msgh_local_port = replies_[port];
  must_succeed(mach_msg(&head, MACH_SEND_MSG, sizeof head, 0, 0, 0, 0), "an introduction");
}

netmsg_operation_t BatchCaller::request(unsigned index) {
  mach_msg_header_t& head = messages_[index].head;
  address(head, services_[index % kPorts], kAnswer);
  return send_of(head);
}

netmsg_operation_t BatchCaller::answer(unsigned index) {
  return {&messages_[index].head, MACH_RCV_MSG, 0, sizeof(Message), set_, 0, MACH_PORT_NULL, 0};
}

void BatchCaller::call() {
  for (unsigned index = 0; index < kInFlight; ++index) {
    operations_[index] = request(index);
    operations_[kInFlight + index] = answer(kInFlight + index);
  }
  netmsg_msgv(operations_.data(), static_cast<unsigned>(operations_.size()), NETMSG_STOP);
  must_succeed(operations_.back().result, "a batch of calls");
}

}  // namespace netmsg::bench
