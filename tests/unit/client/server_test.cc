// SPDX-License-Identifier: Apache-2.0
// mach_msg_server and mach_msg_server_timeout (spec 03 §15) with a demux as stubs write it.
#include <atomic>
#include <thread>
#include <utility>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

// What the demux below is asked; anything else it does not know.
enum : mach_msg_id_t { kKnown = 500, kNoReply, kNoRemote };

struct Message {
  mach_msg_header_t head;
  mach_msg_type_t port_type;
  mach_port_name_inlined_t port;
};

std::atomic<int> handled{0};

mach_msg_type_t descriptor(unsigned name, unsigned bits) {
  mach_msg_type_t type{};
  type.msgt_name = name & 0xFFU;
  type.msgt_size = bits & 0xFFFFU;
  type.msgt_inline = 1;
  type.msgt_number = 1;
  return type;
}

kern_return_t perform(mach_msg_id_t id, mig_reply_header_t* reply) {
  switch (id) {
    case kKnown:
      return KERN_SUCCESS;
    case kNoReply:
      return MIG_NO_REPLY;
    case kNoRemote:
      reply->Head.msgh_remote_port = MACH_PORT_NULL;
      return KERN_SUCCESS;
    default:
      return MIG_BAD_ID;
  }
}

boolean_t demux(mach_msg_header_t* head, mach_msg_header_t* reply_head) {
  ++handled;
  auto* reply = reinterpret_cast<mig_reply_header_t*>(reply_head);
  *reply = {};
  reply->Head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(head->msgh_bits), 0);
  reply->Head.msgh_size = sizeof *reply;
  reply->Head.msgh_remote_port = head->msgh_remote_port;
  reply->Head.msgh_id = head->msgh_id + 100;
  reply->RetCodeType = descriptor(MACH_MSG_TYPE_INTEGER_32, 32);
  reply->RetCode = perform(head->msgh_id, reply);
  return reply->RetCode != MIG_BAD_ID;
}

// A server on a thread of its own, which ends with its port.
class Server {
 public:
  explicit Server(mach_msg_size_t max_size)
      : thread_([this, max_size] { ended_ = mach_msg_server(demux, max_size, port_); }) {}
  ~Server() {
    if (thread_.joinable()) stop();
  }
  mach_port_t port() const { return port_; }
  mach_msg_return_t stop() {
    mach_port_destroy(mach_task_self(), port_);
    thread_.join();
    return ended_;
  }

 private:
  mach_port_t port_ = new_port();
  mach_msg_return_t ended_ = 0;
  std::thread thread_;
};

Message request(mach_port_t server, mach_port_t reply, mach_msg_id_t id, mach_port_t carried = 0) {
  Message message{};
  message.head.msgh_bits =
      MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.head.msgh_remote_port = server;
  message.head.msgh_local_port = reply;
  message.head.msgh_id = id;
  message.port_type = descriptor(MACH_MSG_TYPE_MAKE_SEND, 64);
  message.port.name = carried;
  return message;
}

mach_msg_return_t send(Message message) {
  return mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

// The reply that comes to `port`: its id and its code.
std::pair<mach_msg_id_t, kern_return_t> reply_at(mach_port_t port) {
  union {
    mig_reply_header_t reply;
    char room[256];
  } buffer{};
  EXPECT_EQ(mach_msg(&buffer.reply.Head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof buffer, port, 10000, 0),
            MACH_MSG_SUCCESS);
  return {buffer.reply.Head.msgh_id, buffer.reply.RetCode};
}

using Reply = std::pair<mach_msg_id_t, kern_return_t>;

// 03.27
TEST(MachMsgServer, RepliesUntilItsPortEnds) {
  Server server(256);
  const mach_port_t reply = new_port();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(send(request(server.port(), reply, kKnown)), MACH_MSG_SUCCESS);
    EXPECT_EQ(reply_at(reply), Reply(kKnown + 100, KERN_SUCCESS));
  }
  EXPECT_EQ(server.stop(), MACH_RCV_PORT_DIED);
}

// 03.27: what the demux does not know is answered, and its rights are given up.
TEST(MachMsgServer, DestroysARequestThatFailed) {
  Server server(256);
  const mach_port_t reply = new_port();
  const mach_port_t carried = new_port();
  ASSERT_EQ(send(request(server.port(), reply, 4711, carried)), MACH_MSG_SUCCESS);
  EXPECT_EQ(reply_at(reply), Reply(4811, MIG_BAD_ID));
  EXPECT_EQ(type_of(carried), MACH_PORT_TYPE_RECEIVE) << "the send right is gone again";
}

// 03.27: a request that succeeded belongs to the demux, its rights too.
TEST(MachMsgServer, LeavesTheRightsOfARequestThatSucceeded) {
  Server server(256);
  const mach_port_t reply = new_port();
  const mach_port_t carried = new_port();
  ASSERT_EQ(send(request(server.port(), reply, kKnown, carried)), MACH_MSG_SUCCESS);
  reply_at(reply);
  EXPECT_EQ(type_of(carried), MACH_PORT_TYPE_SEND_RECEIVE);
}

// 03.27
TEST(MachMsgServer, SendsNothingWhereThereIsNothingToSend) {
  Server server(256);
  const mach_port_t reply = new_port();
  for (const mach_msg_id_t silent : {kNoReply, kNoRemote})
    ASSERT_EQ(send(request(server.port(), reply, silent)), MACH_MSG_SUCCESS);
  ASSERT_EQ(send(request(server.port(), reply, kKnown)), MACH_MSG_SUCCESS);
  EXPECT_EQ(reply_at(reply).first, kKnown + 100) << "the others were not answered";
}

// 03.27: the client is gone before its answer; the next one is served.
TEST(MachMsgServer, PassesDeadClientsBy) {
  const mach_port_t port = new_port();
  const mach_port_t dead = new_port();
  const mach_port_t reply = new_port();
  ASSERT_EQ(send(request(port, dead, kKnown)), MACH_MSG_SUCCESS);
  ASSERT_EQ(send(request(port, reply, kKnown)), MACH_MSG_SUCCESS);
  const int before = handled;
  // Dies between receipt and reply: the demux itself destroys it.
  static mach_port_t doomed;
  doomed = dead;
  const auto killing = [](mach_msg_header_t* head, mach_msg_header_t* answer) -> boolean_t {
    mach_port_destroy(mach_task_self(), std::exchange(doomed, MACH_PORT_NULL));
    return demux(head, answer);
  };
  EXPECT_EQ(mach_msg_server_timeout(killing, 256, port, MACH_RCV_TIMEOUT, 0), MACH_RCV_TIMED_OUT);
  EXPECT_EQ(handled, before + 2);
  EXPECT_EQ(reply_at(reply).first, kKnown + 100);
}

// 03.27: with max_size 0 a request of any size is served; with one that is too small it is lost, and the
// next of its size is not.
TEST(MachMsgServer, MakesRoomForLargeRequests) {
  struct Large {
    Message message;
    char more[20000];
  };
  for (const mach_msg_size_t max_size : {0U, 128U}) {
    const mach_port_t port = new_port();
    const mach_port_t reply = new_port();
    Large large{request(port, reply, kKnown), {}};
    large.message.head.msgh_bits &= ~static_cast<unsigned>(MACH_MSGH_BITS_COMPLEX);
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(mach_msg(&large.message.head, MACH_SEND_MSG, sizeof large, 0, MACH_PORT_NULL, 0, 0),
                MACH_MSG_SUCCESS);
    }
    EXPECT_EQ(mach_msg_server_timeout(demux, max_size, port, MACH_RCV_TIMEOUT, 0), MACH_RCV_TIMED_OUT);
    const Reply lost(MACH_NOTIFY_SEND_ONCE, 0);
    EXPECT_EQ(reply_at(reply), max_size == 0 ? Reply(kKnown + 100, KERN_SUCCESS) : lost);
    EXPECT_EQ(reply_at(reply), Reply(kKnown + 100, KERN_SUCCESS));
  }
}

TEST(MachMsgServer, TellsWhatItCannotGoOnWith) {
  EXPECT_EQ(mach_msg_server(demux, 0, 99999), MACH_RCV_INVALID_NAME);
  EXPECT_EQ(mach_msg_server_timeout(demux, 1, new_port(), MACH_RCV_TIMEOUT, 0), MACH_RCV_TIMED_OUT);
}

}  // namespace
}  // namespace netmsg::test
