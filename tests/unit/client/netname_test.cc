// SPDX-License-Identifier: Apache-2.0
// The name service's client side against a server that answers by hand, well or badly (spec 08 §3).
#include <servers/netname.h>

#include <cstring>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

union Buffer {
  mach_msg_header_t head;
  std::uint32_t words[64];
  char bytes[256];
};

constexpr std::uint32_t kCodeWords[] = {0x20002002, 1};  // INTEGER_32, 32 bits, inline, one
constexpr std::uint32_t kNameWords[] = {0x6002800C, 1};  // STRING, 640 bits, inline, long form, one

// Serves one request on a thread: checks it with `check`, and answers as told.
class Server {
 public:
  struct Answer {
    mach_msg_id_t id = 0;
    mach_msg_size_t size = 48;
    mach_msg_bits_t bits = 0;
    kern_return_t code = 0;
    bool none = false;  // destroy the request instead
    std::function<void(Buffer&)> fill = [](Buffer&) {};
  };
  explicit Server(
      Answer answer, std::function<void(const Buffer&)> check = [](const Buffer&) {})
      : port_(new_port_with_send()), thread_([this, answer, check] { serve(answer, check); }) {}
  ~Server() {
    thread_.join();
    mach_port_destroy(mach_task_self(), port_);
  }
  mach_port_t port() const { return port_; }

 private:
  void serve(const Answer& answer, const std::function<void(const Buffer&)>& check) {
    Buffer buffer{};
    ASSERT_EQ(mach_msg(&buffer.head, MACH_RCV_MSG, 0, sizeof buffer, port_, 0, 0), MACH_MSG_SUCCESS);
    EXPECT_EQ(MACH_MSGH_BITS_REMOTE(buffer.head.msgh_bits),
              static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND_ONCE));
    check(buffer);
    if (answer.none) return mach_msg_destroy(&buffer.head);
    const mach_port_t reply = buffer.head.msgh_remote_port;
    buffer = {};
    buffer.head.msgh_bits = answer.bits | MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    buffer.head.msgh_remote_port = reply;
    buffer.head.msgh_id = answer.id;
    std::memcpy(&buffer.words[8], kCodeWords, sizeof kCodeWords);
    buffer.words[10] = static_cast<std::uint32_t>(answer.code);
    answer.fill(buffer);
    EXPECT_EQ(mach_msg(&buffer.head, MACH_SEND_MSG, answer.size, 0, 0, 0, 0), MACH_MSG_SUCCESS);
  }

  mach_port_t port_;
  std::thread thread_;
};

void expect_name(const Buffer& buffer, std::size_t offset, const char* name) {
  EXPECT_EQ(std::memcmp(buffer.bytes + offset, kNameWords, sizeof kNameWords), 0);
  EXPECT_STREQ(buffer.bytes + offset + 8, name);
}

void fill_right(Buffer& buffer, mach_port_t port) {
  buffer.words[12] = 0x20004014;  // MAKE_SEND, 64 bits, inline
  buffer.words[13] = 1;
  buffer.words[14] = port;
}

TEST(CheckIn, SendsTheMessageOfTheSpec) {
  const mach_port_t signature = new_port_with_send();
  const mach_port_t service = new_port();
  Server server({.id = 1140, .code = NETNAME_NOT_YOURS}, [&](const Buffer& request) {
    EXPECT_EQ(request.head.msgh_id, 1040);
    EXPECT_EQ(request.head.msgh_size, 152U);
    EXPECT_TRUE(request.head.msgh_bits & MACH_MSGH_BITS_COMPLEX);
    expect_name(request, 32, "service");
    EXPECT_EQ(request.words[30], 0x20004011U);
    EXPECT_EQ(request.words[32], signature);
    EXPECT_EQ(request.words[34], 0x20004011U);
    EXPECT_EQ(request.words[36], service) << "a right made from our receive right comes under its name";
  });
  EXPECT_EQ(netname_check_in(server.port(), "service", signature, service), NETNAME_NOT_YOURS);
}

// 08.5
TEST(CheckIn, NeedsTheReceiveRight) {
  const mach_port_t server = new_port_with_send();
  EXPECT_EQ(netname_check_in(server, "service", MACH_PORT_NULL, mach_task_self()), MACH_SEND_INVALID_RIGHT);
}

TEST(LookUp, BringsASendRight) {
  const mach_port_t found = new_port();
  Server server({.id = 1141,
                 .size = 64,
                 .bits = MACH_MSGH_BITS_COMPLEX,
                 .fill = [&](Buffer& reply) { fill_right(reply, found); }},
                [](const Buffer& request) {
                  EXPECT_EQ(request.head.msgh_size, 208U);
                  EXPECT_FALSE(request.head.msgh_bits & MACH_MSGH_BITS_COMPLEX);
                  expect_name(request, 32, "there");
                  expect_name(request, 120, std::string(79, 'x').c_str());
                });
  mach_port_t port = MACH_PORT_NULL;
  EXPECT_EQ(netname_look_up(server.port(), "there", std::string(100, 'x').c_str(), &port), NETNAME_SUCCESS);
  EXPECT_EQ(port, found);
  EXPECT_EQ(refs_of(found, MACH_PORT_RIGHT_SEND), 1U);
}

TEST(LookUp, BringsNothingOnAnyOtherCode) {
  Server server({.id = 1141, .code = NETNAME_NO_SUCH_HOST});
  mach_port_t port = 5;
  EXPECT_EQ(netname_look_up(server.port(), "there", "x", &port), NETNAME_NO_SUCH_HOST);
  EXPECT_EQ(port, mach_port_t{MACH_PORT_NULL});
}

TEST(LookUp, GivesUpTheRightsOfAnAnswerThatIsNone) {
  const mach_port_t carried = new_port();
  struct Case {
    Server::Answer answer;
    kern_return_t code;
  };
  const auto with_right = [&](Buffer& reply) { fill_right(reply, carried); };
  const Case cases[] = {
      {{.id = 1142, .size = 64, .bits = MACH_MSGH_BITS_COMPLEX, .fill = with_right}, MIG_REPLY_MISMATCH},
      {{.id = 1141, .size = 64, .bits = MACH_MSGH_BITS_COMPLEX, .code = 1001, .fill = with_right},
       MIG_TYPE_ERROR},
      {{.id = 1141,
        .size = 72,
        .bits = MACH_MSGH_BITS_COMPLEX,
        .fill =
            [&](Buffer& reply) {
              fill_right(reply, carried);
              reply.words[16] = 0x20002002;
            }},
       MIG_TYPE_ERROR},
      {{.id = MACH_NOTIFY_SEND_ONCE, .size = 64, .bits = MACH_MSGH_BITS_COMPLEX, .fill = with_right},
       MIG_SERVER_DIED},
      {{.id = 1141,
        .bits = MACH_MSGH_BITS(0, MACH_MSG_TYPE_MAKE_SEND),
        .code = NETNAME_NO_SUCH_HOST,
        .fill = [&](Buffer& reply) { reply.head.msgh_local_port = carried; }},
       NETNAME_NO_SUCH_HOST},
      {{.id = 1141, .size = 48}, MIG_TYPE_ERROR},
      {{.id = 1141, .size = 32}, MIG_TYPE_ERROR},
  };
  for (const Case& one : cases) {
    Server server(one.answer);
    mach_port_t port = 5;
    EXPECT_EQ(netname_look_up(server.port(), "", "x", &port), one.code);
    EXPECT_EQ(port, mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(type_of(carried), MACH_PORT_TYPE_RECEIVE);
  }
}

TEST(LookUp, NoticesAServerThatDropsTheRequest) {
  Server server({.none = true});
  mach_port_t port = 5;
  EXPECT_EQ(netname_look_up(server.port(), "", "x", &port), MIG_SERVER_DIED);
}

TEST(CheckOut, SendsTheMessageOfTheSpec) {
  Server server({.id = 1142}, [](const Buffer& request) {
    EXPECT_EQ(request.head.msgh_size, 136U);
    expect_name(request, 32, "service");
  });
  EXPECT_EQ(netname_check_out(server.port(), "service", MACH_PORT_NULL), NETNAME_SUCCESS);
}

TEST(Version, BringsTheText) {
  Server server({.id = 1143, .size = 136, .fill = [](Buffer& reply) {
                   std::memcpy(&reply.words[12], kNameWords, sizeof kNameWords);
                   std::strcpy(reply.bytes + 56, "one");
                 }});
  netname_name_t version;
  EXPECT_EQ(netname_version(server.port(), version), NETNAME_SUCCESS);
  EXPECT_STREQ(version, "one");
}

}  // namespace
}  // namespace netmsg::test
