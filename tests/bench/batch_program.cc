// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/batch_program.h"

#include <servers/netname.h>

#include <algorithm>
#include <span>

#include "tests/bench/mach_program.h"
#include "tests/bench/patience.h"

namespace netmsg::bench {

namespace {

constexpr mach_msg_size_t kBytes = 64;
constexpr unsigned kBatchMax = 128;  // what one crossing carries
constexpr mach_msg_option_t kReceiveNow = MACH_RCV_MSG | MACH_RCV_TIMEOUT;

// A set with these ports in it, which are made.
mach_port_t new_set(std::span<mach_port_t> ports) {
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

struct Message {
  mach_msg_header_t head;
  char rest[kBytes];
};

netmsg_operation_t receive_of(Message& message, mach_port_t set, mach_msg_option_t option) {
  return {&message.head, option, 0, sizeof message, set, 0, MACH_PORT_NULL, 0};
}

void check_in(const std::string& name, std::span<const mach_port_t> ports) {
  for (unsigned port = 0; port < ports.size(); ++port)
    must_succeed(
        netname_check_in(name_server_port, numbered(name, port).c_str(), mach_task_self(), ports[port]),
        "a check-in");
}

void look_up(const std::string& host, const std::string& name, std::span<mach_port_t> services) {
  Patience patience;
  for (unsigned port = 0; port < services.size(); ++port)
    while (netname_look_up(name_server_port, host.c_str(), numbered(name, port).c_str(), &services[port]) !=
           KERN_SUCCESS)
      patience.rest("the server is not there");
}

class BatchServer {
 public:
  explicit BatchServer(const std::string& name) : set_(new_set(ports_)) { check_in(name, ports_); }

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
  void receive_into(unsigned index) {
    operations_.push_back(receive_of(received_[index], set_, index == 0 ? MACH_RCV_MSG : kReceiveNow));
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
  look_up("", server, services_);
  for (unsigned port = 0; port < kPorts; ++port) introduce(port);
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

void take_batches(Crew& crew, const std::string& name, unsigned ports) {
  std::vector<mach_port_t> all(ports);
  const mach_port_t set = new_set(all);
  check_in(name, all);
  std::vector<Message> messages(kBatchMax);
  std::vector<netmsg_operation_t> receives;
  receives.reserve(kBatchMax);
  for (Message& message : messages)
    receives.push_back(receive_of(message, set, receives.empty() ? MACH_RCV_MSG : kReceiveNow));
  for (;;) {
    const unsigned begun = netmsg_msgv(receives.data(), kBatchMax, NETMSG_STOP);
    const mach_msg_return_t last = receives[begun - 1].result;
    if (last != MACH_RCV_TIMED_OUT) must_succeed(last, "the server's call");
    crew.count(last == MACH_RCV_TIMED_OUT ? begun - 1 : begun);
  }
}

BatchSender::BatchSender(const std::string& server, const std::string& host_name, unsigned ports)
    : services_(ports), messages_(std::size_t{ports} * MACH_PORT_QLIMIT_MAX) {
  look_up(host_name, server, services_);
  operations_.reserve(messages_.size());
  for (Message& message : messages_) {
    address(message.head, services_[operations_.size() % ports], kCount);
    operations_.push_back(send_of(message.head));
  }
}

void BatchSender::send() {
  netmsg_msgv(operations_.data(), static_cast<unsigned>(operations_.size()), NETMSG_STOP);
  must_succeed(operations_.back().result, "a batch of sends");
}

}  // namespace netmsg::bench
