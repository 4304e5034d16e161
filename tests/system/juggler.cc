// SPDX-License-Identifier: Apache-2.0
// A client that does random things with rights until it is killed. usage:
// juggler SEED HOST NAME: checks its own port in as NAME and plays with the
// port_server that runs on HOST, with messages that carry rights both ways.
#include <servers/netname.h>

#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "tests/system/port_server.h"

namespace netmsg::test {
namespace {

class Juggler {
 public:
  Juggler(unsigned seed, const char* host, const char* name) : random_(seed) {
    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &own_);
    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &reply_);
    if (netname_check_in(name_server_port, name, mach_task_self(), own_) != NETNAME_SUCCESS) std::exit(1);
    if (netname_look_up(name_server_port, host, "port server", &server_) != NETNAME_SUCCESS) std::exit(1);
  }

  [[noreturn]] void play() {
    for (;;) {
      switch (roll(6)) {
        case 0:
          ask(Ask::kNew);
          break;
        case 1:
          ask(Ask::kSend);
          break;
        case 2:
          ask(Ask::kSendOnce);
          break;
        case 3:
          throw_right();
          break;
        case 4:
          catch_message();
          break;
        default:
          drop();
          break;
      }
    }
  }

 private:
  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }

  void ask(Ask what) {
    struct {
      ValuesMessage message;
      char room[256];
    } buffer{};
    mach_msg_header_t& head = buffer.message.head;
    head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    head.msgh_remote_port = server_;
    head.msgh_local_port = reply_;
    head.msgh_id = static_cast<mach_msg_id_t>(what);
    buffer.message.type = values_type();
    if (mach_msg(&head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT,
                 sizeof buffer.message, sizeof buffer, reply_, 1000, MACH_PORT_NULL) != MACH_MSG_SUCCESS) {
      return;
    }
    RightMessage got;
    std::memcpy(&got, &buffer, sizeof got);
    if ((head.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0) held_.push_back(got.right.name);
  }

  // Sends to a right it holds, which may be dead: its own port travels as reply and in the body.
  void throw_right() {
    if (held_.empty()) return;
    const mach_port_t to = held_[random_() % held_.size()];
    mach_port_type_t type = 0;
    mach_port_type(mach_task_self(), to, &type);
    const bool once = (type & MACH_PORT_TYPE_SEND_ONCE) != 0;
    RightMessage message{};
    message.head.msgh_bits =
        MACH_MSGH_BITS_COMPLEX |
        MACH_MSGH_BITS(once ? MACH_MSG_TYPE_MOVE_SEND_ONCE : MACH_MSG_TYPE_COPY_SEND,
                       roll(2) != 0 ? MACH_MSG_TYPE_MAKE_SEND_ONCE : MACH_MSG_TYPE_MAKE_SEND);
    message.head.msgh_remote_port = to;
    message.head.msgh_local_port = own_;
    message.type.msgt_name = roll(2) != 0 ? MACH_MSG_TYPE_MAKE_SEND : MACH_MSG_TYPE_MAKE_SEND_ONCE;
    message.type.msgt_size = 64;
    message.type.msgt_inline = 1;
    message.type.msgt_number = 1;
    message.right.name = own_;
    const auto code =
        mach_msg(&message.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0, roll(3), 0);
    if (code != MACH_SEND_TIMED_OUT) return;
    if (MACH_PORT_VALID(message.head.msgh_local_port))
      mach_port_deallocate(mach_task_self(), message.head.msgh_local_port);
    mach_msg_destroy(&message.head);
  }

  void catch_message() {
    struct {
      mach_msg_header_t head;
      char room[512];
    } buffer{};
    if (mach_msg(&buffer.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, own_, roll(2), 0) ==
        MACH_MSG_SUCCESS) {
      mach_msg_destroy(&buffer.head);
    }
  }

  void drop() {
    if (held_.empty()) return;
    mach_port_deallocate(mach_task_self(), held_.back());
    held_.pop_back();
  }

  std::mt19937 random_;
  mach_port_t own_ = MACH_PORT_NULL;
  mach_port_t reply_ = MACH_PORT_NULL;
  mach_port_t server_ = MACH_PORT_NULL;
  std::vector<mach_port_t> held_;
};

}  // namespace
}  // namespace netmsg::test

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  netmsg::test::Juggler(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)), argv[2], argv[3]).play();
}
