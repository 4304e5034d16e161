// SPDX-License-Identifier: Apache-2.0
// See port_server.h. usage: port_server NAME: checks in NAME and serves until it is told to exit.
#include "tests/system/port_server.h"

#include <servers/netname.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

namespace netmsg::test {
namespace {

void must(kern_return_t code, const char* what) {
  if (code == KERN_SUCCESS) return;
  std::fprintf(stderr, "port_server: %s: %s\n", what, mach_error_string(code));
  std::exit(1);
}

void spin(std::uint32_t nanoseconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanoseconds);
  while (std::chrono::steady_clock::now() < until) {
  }
}

class PortServer {
 public:
  explicit PortServer(const char* name) {
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &control_), "allocate");
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &notify_), "allocate");
    must(netname_check_in(name_server_port, name, mach_task_self(), control_), "check in");
  }

  void serve() {
    ValuesMessage request;
    do {
      must(mach_msg(&request.head, MACH_RCV_MSG, 0, sizeof request, control_, 0, 0), "receive a request");
      if (request.head.msgh_size == sizeof request) answer(request);
    } while (request.head.msgh_id != static_cast<mach_msg_id_t>(Ask::kExit));
  }

 private:
  void answer(const ValuesMessage& request) {
    const mach_port_t to = request.head.msgh_remote_port;
    switch (static_cast<Ask>(request.head.msgh_id)) {
      case Ask::kNew:
        make_port();
        return give(to, MACH_MSG_TYPE_MAKE_SEND);
      case Ask::kSend:
        return give(to, MACH_MSG_TYPE_MAKE_SEND);
      case Ask::kSendOnce:
        return give(to, MACH_MSG_TYPE_MAKE_SEND_ONCE);
      case Ask::kStatus:
        return tell_status(to);
      case Ask::kReceive:
        return tell(to, receive(request.values[0], request.values[1] != 0));
      case Ask::kRace:
        return tell(to, race(request.values));
      case Ask::kLastReply:
        return tell_last_reply(to, 0);
      case Ask::kAwaitDeath:
        return tell_last_reply(to, 5000);
      case Ask::kKill:
        return reply(to, {static_cast<std::uint32_t>(give_up(MACH_PORT_RIGHT_RECEIVE))});
      case Ask::kAdopt:
        mach_port_destroy(mach_task_self(), std::exchange(port_, last_carried_));
        return reply(to, {});
      case Ask::kTask:
        return give(to, MACH_MSG_TYPE_COPY_SEND, mach_task_self());
      case Ask::kExit:
        return reply(to, {});
    }
    must(KERN_INVALID_ARGUMENT, "an unknown request");
  }

  void make_port() {
    if (port_ != MACH_PORT_NULL) mach_port_destroy(mach_task_self(), port_);
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port_), "allocate P");
  }

  kern_return_t give_up(mach_port_right_t right) {
    return mach_port_mod_refs(mach_task_self(), port_, right, -1);
  }

  static mach_msg_header_t header(mach_port_t to, mach_msg_bits_t more) {
    mach_msg_header_t head{};
    head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0U) | more;
    head.msgh_remote_port = to;
    return head;
  }

  static void reply(mach_port_t to, std::initializer_list<std::uint32_t> values) {
    ValuesMessage message{header(to, 0), values_type(), {}};
    std::copy(values.begin(), values.end(), message.values);
    send_answer(&message.head, sizeof message);
  }

  // Whoever asked may be dead by now.
  static void send_answer(mach_msg_header_t* head, mach_msg_size_t size) {
    const mach_msg_return_t code = mach_msg(head, MACH_SEND_MSG, size, 0, 0, 0, 0);
    if (code == MACH_MSG_SUCCESS) return;
    if (code != MACH_SEND_INVALID_DEST) must(code, "answer");
    if (MACH_PORT_VALID(head->msgh_remote_port))
      mach_port_deallocate(mach_task_self(), head->msgh_remote_port);
  }

  void give(mach_port_t to, unsigned disposition) const { give(to, disposition, port_); }
  static void give(mach_port_t to, unsigned disposition, mach_port_t name) {
    RightMessage message{header(to, MACH_MSGH_BITS_COMPLEX), {}, {}};
    message.type.msgt_name = disposition & 0xFFU;
    message.type.msgt_size = 64;
    message.type.msgt_inline = 1;
    message.type.msgt_number = 1;
    message.right.name = name;
    send_answer(&message.head, sizeof message);
  }

  void tell_status(mach_port_t to) const {
    mach_port_status_t status;
    must(mach_port_get_receive_status(mach_task_self(), port_, &status), "status of P");
    reply(to, {status.mps_mscount, static_cast<std::uint32_t>(status.mps_srights), status.mps_sorights,
               status.mps_msgcount});
  }

  static void tell(mach_port_t to, const ReceivedValues& got) {
    ValuesMessage message{header(to, 0), values_type(), {}};
    std::memcpy(message.values, &got, sizeof got);
    send_answer(&message.head, sizeof message);
  }

  std::uint32_t field(mach_port_t name) const {
    if (name == MACH_PORT_NULL) return kFieldNull;
    if (name == MACH_PORT_DEAD) return kFieldDead;
    return name == port_ ? kFieldP : kFieldOther;
  }

  ReceivedValues receive(std::uint32_t timeout_ms, bool notify) {
    union {
      RightMessage first;
      mach_msg_header_t head;
      char room[1024];
    } message{};
    const mach_msg_option_t option = MACH_RCV_MSG | MACH_RCV_TIMEOUT | (notify ? MACH_RCV_NOTIFY : 0);
    ReceivedValues got{};
    got.code = static_cast<std::uint32_t>(mach_msg(&message.head, option, 0, sizeof message, port_,
                                                   timeout_ms, notify ? notify_ : MACH_PORT_NULL));
    if (got.code == MACH_MSG_SUCCESS) {
      got.bits = message.head.msgh_bits;
      got.id = static_cast<std::uint32_t>(message.head.msgh_id);
      got.local_is = field(message.head.msgh_local_port);
      got.remote_is = field(message.head.msgh_remote_port);
      last_reply_ = message.head.msgh_remote_port;
      told_ = 0;
      got.reply = brought(MACH_MSGH_BITS_REMOTE(got.bits), last_reply_);
      if ((got.bits & MACH_MSGH_BITS_COMPLEX) != 0) {
        got.carried_is = field(message.first.right.name);
        last_carried_ = message.first.right.name;
        got.carried = brought(message.first.type.msgt_name, last_carried_);
      }
    }
    describe_port(got);
    return got;
  }

  static BroughtRight brought(std::uint32_t type, mach_port_t name) {
    BroughtRight right{type, name, 0, 0};
    if (mach_port_type(mach_task_self(), name, &right.entry) != KERN_SUCCESS) return right;
    const bool dead = (right.entry & MACH_PORT_TYPE_DEAD_NAME) != 0;
    mach_port_get_refs(mach_task_self(), name, dead ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND,
                       &right.urefs);
    return right;
  }

  void describe_port(ReceivedValues& got) const {
    mach_port_urefs_t sends = 0;
    if (mach_port_type(mach_task_self(), port_, &got.type_of_p) != KERN_SUCCESS) got.type_of_p = 0;
    if (mach_port_get_refs(mach_task_self(), port_, MACH_PORT_RIGHT_SEND, &sends) == KERN_SUCCESS)
      got.sends_of_p = sends;
  }

  ReceivedValues race(const std::uint32_t* values) {
    std::thread destroyer([this, delay = values[1], wholly = values[2] != 0] {
      spin(delay);
      wholly ? mach_port_destroy(mach_task_self(), port_) : give_up(MACH_PORT_RIGHT_RECEIVE);
    });
    spin(values[0]);
    const ReceivedValues got = receive(5000, false);
    destroyer.join();
    if (got.remote_is == kFieldOther) mach_port_deallocate(mach_task_self(), last_reply_);
    return got;
  }

  // Dead-name notifications about the last reply name that have arrived; waits for one if `patience_ms` is
  // not 0.
  void tell_last_reply(mach_port_t to, std::uint32_t patience_ms) {
    mach_dead_name_notification_t death;
    while (mach_msg(&death.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof death, notify_, patience_ms,
                    0) == MACH_MSG_SUCCESS) {
      if (death.not_header.msgh_id == MACH_NOTIFY_DEAD_NAME && death.not_port == last_reply_) ++told_;
      patience_ms = 0;
    }
    mach_port_type_t type = 0;
    mach_port_urefs_t urefs = 0;
    if (mach_port_type(mach_task_self(), last_reply_, &type) != KERN_SUCCESS) type = 0;
    mach_port_get_refs(mach_task_self(), last_reply_, MACH_PORT_RIGHT_DEAD_NAME, &urefs);
    reply(to, {type, urefs, told_});
  }

  mach_port_t control_ = MACH_PORT_NULL;
  mach_port_t notify_ = MACH_PORT_NULL;
  mach_port_t port_ = MACH_PORT_NULL;  // P
  mach_port_t last_reply_ = MACH_PORT_NULL;
  mach_port_t last_carried_ = MACH_PORT_NULL;
  std::uint32_t told_ = 0;
};

}  // namespace
}  // namespace netmsg::test

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  netmsg::test::PortServer(argv[1]).serve();
  return 0;
}
