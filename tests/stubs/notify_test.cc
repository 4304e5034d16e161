// SPDX-License-Identifier: Apache-2.0
// A server whose requests are notifications, in a stub generator's form.
#include <gtest/gtest.h>
#include <mach.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/stubs/notify_server.h"
#include "tests/stubs/sample_place.h"
#include "tests/system/port_client.h"

namespace {

std::vector<std::string> told;
mach_port_t destroyed = MACH_PORT_NULL;

kern_return_t tell(const char* what, unsigned number) {
  told.push_back(what + (" " + std::to_string(number)));
  return KERN_SUCCESS;
}

}  // namespace

extern "C" {

kern_return_t do_mach_notify_port_deleted(mach_port_t, mach_port_name_t name) {
  return tell("deleted", name);
}
kern_return_t do_mach_notify_msg_accepted(mach_port_t, mach_port_name_t name) {
  return tell("accepted", name);
}
kern_return_t do_mach_notify_port_destroyed(mach_port_t, mach_port_t rights) {
  destroyed = rights;
  return tell("destroyed", rights);
}
kern_return_t do_mach_notify_no_senders(mach_port_t, mach_port_mscount_t mscount) {
  return tell("no senders", mscount);
}
kern_return_t do_mach_notify_send_once(mach_port_t notify) {
  return tell("send once", notify);
}
kern_return_t do_mach_notify_dead_name(mach_port_t, mach_port_name_t name) {
  return tell("dead", name);
}

}  // extern "C"

namespace netmsg::test {
namespace {

class NotifyServer : public testing::Test {
 protected:
  void SetUp() override {
    hosts();
    told.clear();
    notify_ = new_port();
  }
  void TearDown() override { mach_port_destroy(mach_task_self(), notify_); }

  void request(mach_port_t name, mach_msg_id_t what) {
    mach_port_t previous = MACH_PORT_NULL;
    EXPECT_EQ(mach_port_request_notification(mach_task_self(), name, what, 0, notify_,
                                             MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
              KERN_SUCCESS);
  }
  static mach_port_t port_with_send() {
    const mach_port_t port = new_port();
    mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
    return port;
  }
  // What comes until nothing waits any more.
  std::vector<std::string> serve() {
    EXPECT_EQ(mach_msg_server_timeout(notify_server, 256, notify_, MACH_RCV_TIMEOUT, 0), MACH_RCV_TIMED_OUT);
    return std::exchange(told, {});
  }
  static std::string line(const char* what, unsigned number) { return what + (" " + std::to_string(number)); }

  mach_port_t notify_ = MACH_PORT_NULL;
};

using Lines = std::vector<std::string>;

TEST_F(NotifyServer, HearsOfADeletedName) {
  const mach_port_t port = port_with_send();
  const mach_port_t once = once_right(port);
  request(once, MACH_NOTIFY_DEAD_NAME);
  mach_port_deallocate(mach_task_self(), once);
  EXPECT_EQ(serve(), Lines{line("deleted", once)});
  mach_port_destroy(mach_task_self(), port);
}

TEST_F(NotifyServer, HearsOfAnAcceptedMessage) {
  const mach_port_t port = port_with_send();
  mach_port_set_qlimit(mach_task_self(), port, 0);
  EXPECT_EQ(send_message({.remote = port, .remote_type = MACH_MSG_TYPE_COPY_SEND}, MACH_SEND_NOTIFY, notify_),
            MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(serve(), Lines{});
  EXPECT_EQ(receive_message(port).code, MACH_MSG_SUCCESS);
  EXPECT_EQ(serve(), Lines{line("accepted", port)});
  mach_port_destroy(mach_task_self(), port);
}

TEST_F(NotifyServer, ReceivesADestroyedPort) {
  const mach_port_t port = new_port();
  request(port, MACH_NOTIFY_PORT_DESTROYED);
  mach_port_destroy(mach_task_self(), port);
  const Lines lines = serve();
  EXPECT_EQ(lines, Lines{line("destroyed", destroyed)});
  EXPECT_EQ(state_of(destroyed), "R");
  mach_port_destroy(mach_task_self(), destroyed);
}

TEST_F(NotifyServer, HearsThatThereAreNoSenders) {
  const mach_port_t port = port_with_send();
  request(port, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(serve(), Lines{});
  mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, -1);
  EXPECT_EQ(serve(), Lines{line("no senders", 1)});
  mach_port_destroy(mach_task_self(), port);
}

TEST_F(NotifyServer, HearsOfAnUnusedSendOnceRight) {
  mach_port_deallocate(mach_task_self(), once_right(notify_));
  EXPECT_EQ(serve(), Lines{line("send once", notify_)});
}

TEST_F(NotifyServer, HearsOfADeadName) {
  const mach_port_t port = port_with_send();
  request(port, MACH_NOTIFY_DEAD_NAME);
  mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(serve(), Lines{line("dead", port)});
  mach_port_destroy(mach_task_self(), port);
}

// 07.10: all six in one queue, in the order in which they happened.
TEST_F(NotifyServer, ServesAllSixInTurn) {
  const mach_port_t a = port_with_send(), b = new_port(), c = port_with_send();
  mach_port_set_qlimit(mach_task_self(), a, 0);
  send_message({.remote = a, .remote_type = MACH_MSG_TYPE_COPY_SEND}, MACH_SEND_NOTIFY, notify_);
  receive_message(a);
  request(a, MACH_NOTIFY_NO_SENDERS);
  request(a, MACH_NOTIFY_DEAD_NAME);
  request(b, MACH_NOTIFY_PORT_DESTROYED);
  request(c, MACH_NOTIFY_DEAD_NAME);
  mach_port_mod_refs(mach_task_self(), c, MACH_PORT_RIGHT_RECEIVE, -1);
  mach_port_mod_refs(mach_task_self(), a, MACH_PORT_RIGHT_SEND, -1);
  mach_port_destroy(mach_task_self(), b);
  mach_port_destroy(mach_task_self(), a);
  mach_port_deallocate(mach_task_self(), once_right(notify_));
  const Lines lines = serve();
  EXPECT_EQ(lines, (Lines{line("accepted", a), line("dead", c), line("no senders", 1),
                          line("destroyed", destroyed), line("deleted", a), line("send once", notify_)}));
  mach_port_destroy(mach_task_self(), destroyed);
  mach_port_destroy(mach_task_self(), c);
}

// What happens on the other host is heard here, in the same words. Rights there wait in a
// message at a port, and die with it.
class NotifyServerFar : public NotifyServer {
 protected:
  static PortServerClient& far() {
    static PortServerClient only(hosts().a, hosts().b, "far");
    return only;
  }
  void TearDown() override {
    NotifyServer::TearDown();
    EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
  }

  // Into the queue there.
  static void send_there(unsigned disposition, mach_port_t name) {
    EXPECT_EQ(send_message({.remote = far().new_port(),
                            .remote_type = MACH_MSG_TYPE_MOVE_SEND,
                            .items = {rights(disposition, {name})}}),
              MACH_MSG_SUCCESS);
  }
  // The notification may come by another way than the answer to what has caused it.
  Lines serve_one() {
    Lines lines;
    EXPECT_TRUE(eventually([&] {
      lines = serve();
      return !lines.empty();
    }));
    return lines;
  }
};

TEST_F(NotifyServerFar, HearsOfADeadName) {
  const mach_port_t name = far().new_port();
  request(name, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(serve(), Lines{});
  far().ask(Ask::kKill);
  EXPECT_EQ(serve_one(), Lines{line("dead", name)});
  mach_port_destroy(mach_task_self(), name);
}

TEST_F(NotifyServerFar, HearsThatThereAreNoSenders) {
  const mach_port_t port = new_port();
  send_there(MACH_MSG_TYPE_MAKE_SEND, port);
  request(port, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(serve(), Lines{}) << "the message there is one";
  far().ask(Ask::kKill);
  EXPECT_EQ(serve_one(), Lines{line("no senders", 1)});
  mach_port_destroy(mach_task_self(), port);
}

TEST_F(NotifyServerFar, HearsOfAnUnusedSendOnceRight) {
  send_there(MACH_MSG_TYPE_MAKE_SEND_ONCE, notify_);
  EXPECT_EQ(serve(), Lines{});
  far().ask(Ask::kKill);
  EXPECT_EQ(serve_one(), Lines{line("send once", notify_)});
}

TEST_F(NotifyServerFar, HearsOfAnAcceptedMessage) {
  const mach_port_t name = far().new_port();
  unsigned waiting = 0;
  while (send_message({.remote = name, .remote_type = MACH_MSG_TYPE_COPY_SEND}, MACH_SEND_NOTIFY, notify_) ==
         MACH_MSG_SUCCESS)
    ++waiting;
  EXPECT_EQ(waiting, 5U) << "the last one was forced in";
  for (; waiting > 0; --waiting) far().receive(1000);
  EXPECT_EQ(serve(), Lines{});
  far().receive(1000);
  EXPECT_EQ(serve_one(), Lines{line("accepted", name)});
  mach_port_deallocate(mach_task_self(), name);
}

// It comes back from where it died.
TEST_F(NotifyServerFar, ReceivesADestroyedPort) {
  const mach_port_t port = new_port();
  request(port, MACH_NOTIFY_PORT_DESTROYED);
  send_there(MACH_MSG_TYPE_MOVE_RECEIVE, port);
  EXPECT_EQ(serve(), Lines{});
  far().ask(Ask::kKill);
  const Lines lines = serve_one();
  EXPECT_EQ(lines, Lines{line("destroyed", destroyed)});
  EXPECT_EQ(state_of(destroyed), "R");
  mach_port_destroy(mach_task_self(), destroyed);
}

}  // namespace
}  // namespace netmsg::test
