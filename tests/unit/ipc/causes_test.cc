// SPDX-License-Identifier: Apache-2.0
// Spec 06 §4, §7, §8: every cause of port-deleted, no-senders and send-once, and that each tells exactly
// once.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <functional>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
constexpr Name kUnused = 4711;

// A client with a right for the server's port, or a port of its own; `log` hears what happens to its name.
struct Scene {
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Task& watcher = world.task("watcher");
  Name r = server.port();
  Name to = server.give_send(client, server.port());  // a good destination
  Name log = watcher.port();
  Name x = 0;

  explicit Scene(const std::string& state) {
    if (state == "S1") x = server.give_send(client, r);
    if (state == "S2") server.give_send(client, r), x = server.give_send(client, r);
    if (state == "SO") x = server.give_send_once(client, r);
    if (state == "R") x = client.port();
    if (state == "R+S1") x = client.port_with_sends(1);
    const Name once = watcher.give_send_once(client, log);
    EXPECT_TRUE(calls::request_notification(client.space(), client.space(), x, MACH_NOTIFY_DEAD_NAME, 0, once,
                                            kMoveOnce)
                    .ok());
  }

  void extract(unsigned disposition) {
    EXPECT_TRUE(calls::extract_right(server.space(), client.space(), x, disposition).ok());
  }
  void insert(unsigned disposition) {
    EXPECT_EQ(calls::insert_right(client.space(), watcher.space(), kUnused, x, disposition), KERN_SUCCESS);
  }
  void send(const Outgoing& message) { EXPECT_EQ(client.send(message), MACH_MSG_SUCCESS); }
  void send_in_body(unsigned disposition) {
    send({.remote = to, .remote_type = kCopySend, .items = {rights(disposition, {x})}});
  }
  void send_as_reply(unsigned disposition) {
    send({.remote = to, .remote_type = kCopySend, .local = x, .local_type = disposition});
  }
};

struct Cause {
  const char* what;
  const char* before;
  std::function<void(Scene&)> act;
};

// 06.4: each way to free a name while its port lives.
TEST(PortDeleted, ComesOnceFromEachCause) {
  const Cause causes[] = {
      {"deallocate S", "S1", [](Scene& s) { s.client.deallocate(s.x); }},
      {"mod_refs S", "S2", [](Scene& s) { s.client.mod_refs(s.x, MACH_PORT_RIGHT_SEND, -2); }},
      {"destroy S", "S2", [](Scene& s) { s.client.destroy(s.x); }},
      {"S as destination", "S1", [](Scene& s) { s.send({.remote = s.x, .remote_type = kMoveSend}); }},
      {"S as reply", "S1", [](Scene& s) { s.send_as_reply(kMoveSend); }},
      {"S in a body", "S1", [](Scene& s) { s.send_in_body(kMoveSend); }},
      {"S extracted", "S1", [](Scene& s) { s.extract(kMoveSend); }},
      {"S inserted elsewhere", "S1", [](Scene& s) { s.insert(kMoveSend); }},
      {"deallocate SO", "SO", [](Scene& s) { s.client.deallocate(s.x); }},
      {"mod_refs SO", "SO", [](Scene& s) { s.client.mod_refs(s.x, MACH_PORT_RIGHT_SEND_ONCE, -1); }},
      {"destroy SO", "SO", [](Scene& s) { s.client.destroy(s.x); }},
      {"SO used", "SO", [](Scene& s) { s.send({.remote = s.x, .remote_type = kMoveOnce}); }},
      {"SO as reply", "SO", [](Scene& s) { s.send_as_reply(kMoveOnce); }},
      {"SO in a body", "SO", [](Scene& s) { s.send_in_body(kMoveOnce); }},
      {"SO extracted", "SO", [](Scene& s) { s.extract(kMoveOnce); }},
      {"SO inserted elsewhere", "SO", [](Scene& s) { s.insert(kMoveOnce); }},
      {"mod_refs R", "R", [](Scene& s) { s.client.mod_refs(s.x, MACH_PORT_RIGHT_RECEIVE, -1); }},
      {"destroy R", "R", [](Scene& s) { s.client.destroy(s.x); }},
      {"destroy R+S", "R+S1", [](Scene& s) { s.client.destroy(s.x); }},
      {"R in a body", "R", [](Scene& s) { s.send_in_body(kMoveReceive); }},
      {"R extracted", "R", [](Scene& s) { s.extract(kMoveReceive); }},
      {"R inserted elsewhere", "R", [](Scene& s) { s.insert(kMoveReceive); }},
      {"the task dies", "S2", [](Scene& s) { s.client.die(); }},
  };
  for (const Cause& cause : causes) {
    SCOPED_TRACE(cause.what);
    Scene scene(cause.before);
    cause.act(scene);
    const Received told = scene.watcher.receive(scene.log);
    EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_PORT_DELETED);
    EXPECT_EQ(told.values, std::vector<std::uint32_t>{scene.x});
    EXPECT_EQ(scene.watcher.receive(scene.log).code, MACH_RCV_TIMED_OUT) << "once";
  }
}

// 06.4: the notification has the name that the right had last.
TEST(PortDeleted, CarriesTheNameThatWasGivenUp) {
  Scene scene("S1");
  ASSERT_EQ(calls::rename(scene.client.space(), scene.x, kUnused), KERN_SUCCESS);
  EXPECT_EQ(scene.watcher.receive(scene.log).code, MACH_RCV_TIMED_OUT);
  scene.client.deallocate(kUnused);
  EXPECT_EQ(scene.watcher.receive(scene.log).values, std::vector<std::uint32_t>{kUnused});
}

// 06.4: the name stays, so the request does.
TEST(PortDeleted, DoesNotComeWhileTheNameStays) {
  const Cause causes[] = {
      {"one of two references", "S2", [](Scene& s) { s.client.deallocate(s.x); }},
      {"the send right beside R", "R+S1", [](Scene& s) { s.client.deallocate(s.x); }},
      {"the receive right beside S", "R+S1", [](Scene& s) { s.send_in_body(kMoveReceive); }},
      {"a copy", "S1", [](Scene& s) { s.send_in_body(kCopySend); }},
  };
  for (const Cause& cause : causes) {
    SCOPED_TRACE(cause.what);
    Scene scene(cause.before);
    cause.act(scene);
    EXPECT_TRUE(scene.client.has_request(scene.x));
    EXPECT_EQ(scene.watcher.receive(scene.log).code, MACH_RCV_TIMED_OUT);
  }
}

// 06.5: the request ends with the name; who has the name then was not asked about.
TEST(PortDeleted, EndsTheRequestThoughTheNameIsUsedAgain) {
  Scene scene("S1");
  scene.client.deallocate(scene.x);
  const Name own = scene.client.port();
  EXPECT_EQ(calls::insert_right(scene.client.space(), scene.client.space(), scene.x, own, kMakeOnce),
            KERN_SUCCESS);
  scene.server.destroy(scene.r);
  scene.client.destroy(own);
  EXPECT_EQ(scene.client.state(scene.x), "DN1");
  EXPECT_EQ(scene.watcher.receive(scene.log).header.msgh_id, MACH_NOTIFY_PORT_DELETED);
  EXPECT_EQ(scene.watcher.receive(scene.log).code, MACH_RCV_TIMED_OUT);
}

// ---------------------------------------------------------------- requests made by MACH_RCV_NOTIFY

class NotifiedReply : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name q = client.port();
  Name notify = server.port();
  Name reply = 0;

  void SetUp() override {
    ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce}),
              MACH_MSG_SUCCESS);
    reply = server.receive(r, MACH_RCV_NOTIFY, notify).header.msgh_remote_port;
    ASSERT_TRUE(server.has_request(reply));
  }
};

// 06.6
TEST_F(NotifiedReply, DeallocatedIsPortDeleted) {
  server.deallocate(reply);
  const Received told = server.receive(notify);
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_PORT_DELETED);
  EXPECT_EQ(told.values.at(0), reply);
}

// 06.6
TEST_F(NotifiedReply, AnsweredWithCancelIsNothing) {
  EXPECT_EQ(server.send({.remote = reply, .remote_type = kMoveOnce}, MACH_SEND_CANCEL, notify),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server.receive(notify).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(server.status(notify).mps_sorights, 0U);
}

// ---------------------------------------------------------------- no-senders

struct Registration {
  const char* what;
  bool sender;    // a send right exists
  int sync_less;  // sync = mscount - sync_less
  bool notify;    // else the request is cancelled
  bool fires;
  bool stays;
};

// 06.10: a request is answered at once, kept, or cancelled.
TEST(NoSenders, RegistrationByCountsAndSync) {
  const Registration rows[] = {
      {"a sender, old sync", true, 1, true, false, true},
      {"a sender, sync now", true, 0, true, false, true},
      {"a sender, later sync", true, -1, true, false, true},
      {"nobody, old sync", false, 1, true, true, false},
      {"nobody, sync now", false, 0, true, true, false},
      {"nobody, later sync", false, -1, true, false, true},
      {"a sender, cancelled", true, 0, false, false, false},
      {"nobody, cancelled", false, 0, false, false, false},
  };
  for (const Registration& row : rows) {
    SCOPED_TRACE(row.what);
    World world;
    Task& task = world.task();
    const Name port = task.port_with_sends(2);
    const Name notify = task.port();
    const Name before = task.port();
    ASSERT_EQ(task.request(port, MACH_NOTIFY_NO_SENDERS, before), KERN_SUCCESS);
    if (!row.sender) {
      ASSERT_EQ(task.request(port, MACH_NOTIFY_NO_SENDERS, MACH_PORT_NULL), KERN_SUCCESS);
      task.mod_refs(port, MACH_PORT_RIGHT_SEND, -2);
    }
    const auto previous = calls::request_notification(
        task.space(), task.space(), port, MACH_NOTIFY_NO_SENDERS, static_cast<unsigned>(2 - row.sync_less),
        row.notify ? notify : MACH_PORT_NULL, kMakeOnce);
    ASSERT_TRUE(previous.ok());
    EXPECT_EQ(previous.value() != MACH_PORT_NULL, row.sender) << "the one before comes back";
    const Received told = task.receive(notify);
    EXPECT_EQ(told.code == MACH_MSG_SUCCESS, row.fires);
    if (row.fires) {
      EXPECT_EQ(told.values.at(0), 2U);
    }
    EXPECT_EQ(task.status(port).mps_nsrequest != 0, row.stays);
    EXPECT_EQ(task.status(notify).mps_sorights, row.stays ? 1U : 0U);
  }
}

// 06.10: a sync that is ahead fires at the next drop, and a request that fires at once still returns the
// old one.
TEST(NoSenders, AKeptRequestFiresAtTheNextDropAndGivesWayToAnother) {
  World world;
  Task& task = world.task();
  const Name port = task.port();
  const Name notify = task.port();
  ASSERT_EQ(task.request(port, MACH_NOTIFY_NO_SENDERS, notify, 1), KERN_SUCCESS);
  task.make_send(port);
  EXPECT_EQ(task.receive(notify).code, MACH_RCV_TIMED_OUT);
  task.deallocate(port);
  EXPECT_EQ(task.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
  ASSERT_EQ(task.request(port, MACH_NOTIFY_NO_SENDERS, notify, 2), KERN_SUCCESS);
  const auto previous = calls::request_notification(task.space(), task.space(), port, MACH_NOTIFY_NO_SENDERS,
                                                    0, notify, kMakeOnce);
  EXPECT_EQ(task.state(previous.value()), "SO");
  EXPECT_EQ(task.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
}

// 06.10: send-once rights are no senders, neither held nor used; the counts that a program sets fire
// nothing.
TEST(NoSenders, SendOnceRightsAreNoSenders) {
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  const Name r = server.port();
  const Name notify = server.port();
  const Name once = server.give_send_once(client, r);
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify, 1), KERN_SUCCESS);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce}), MACH_MSG_SUCCESS);
  server.receive(r);
  client.deallocate(server.give_send_once(client, r));
  EXPECT_EQ(server.receive(notify).code, MACH_RCV_TIMED_OUT);
  EXPECT_TRUE(server.status(r).mps_nsrequest);
}

// 06.11: whoever compares the counts sees that a right was made since.
TEST(NoSenders, ARightMadeBeforeTheReceiptShowsInTheCounts) {
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  const Name r = server.port();
  const Name notify = server.port();
  const Name x = server.give_send(client, r);
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  client.deallocate(x);
  server.give_send(client, r);
  const unsigned counted = server.receive(notify).values.at(0);
  EXPECT_EQ(counted, 1U);
  EXPECT_EQ(server.status(r).mps_mscount, 2U);
  EXPECT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify, 2), KERN_SUCCESS);
  EXPECT_EQ(server.receive(notify).code, MACH_RCV_TIMED_OUT);
}

// ---------------------------------------------------------------- send-once

// A send-once right of the client for the server's port r.
struct OnceScene {
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name once = server.give_send_once(client, r);
  Name other = server.port();
  Name to = server.give_send(client, other);
  Name own = client.port();

  // The right is in a message that waits at another port, as reply or in its body.
  void queue_as_reply() {
    client.send({.remote = to, .remote_type = kCopySend, .local = once, .local_type = kMoveOnce});
  }
  void queue_in_body() {
    client.send({.remote = to, .remote_type = kCopySend, .items = {rights(kMoveOnce, {once})}});
  }
  kern_return_t request(Name name, mach_msg_id_t id) {
    return calls::request_notification(client.space(), client.space(), name, id, 0, once, kMoveOnce).code();
  }
};

struct OnceCase {
  const char* what;
  unsigned notifications;
  std::function<void(OnceScene&)> act;
};

void check_once(const OnceCase& row) {
  SCOPED_TRACE(row.what);
  OnceScene scene;
  row.act(scene);
  EXPECT_EQ(scene.server.drain(scene.r, MACH_NOTIFY_SEND_ONCE), row.notifications);
  EXPECT_EQ(scene.server.status(scene.r).mps_sorights, 0U);
}

// 06.13: given up by the holder, and by what calls do to it.
TEST(SendOnceNotification, ComesOnceFromEachCall) {
  const OnceCase rows[] = {
      {"deallocate", 1, [](OnceScene& s) { s.client.deallocate(s.once); }},
      {"mod_refs", 1, [](OnceScene& s) { s.client.mod_refs(s.once, MACH_PORT_RIGHT_SEND_ONCE, -1); }},
      {"destroy", 1, [](OnceScene& s) { s.client.destroy(s.once); }},
      {"the task dies", 1, [](OnceScene& s) { s.client.die(); }},
      {"an insert that fails", 1,
       [](OnceScene& s) {
         EXPECT_EQ(calls::insert_right(s.client.space(), s.client.space(), s.own, s.once, kMoveOnce),
                   KERN_NAME_EXISTS);
       }},
      {"a request that fails", 1, [](OnceScene& s) { EXPECT_EQ(s.request(s.own, 99), KERN_INVALID_VALUE); }},
      {"a no-senders request whose port dies", 1,
       [](OnceScene& s) {
         s.client.make_send(s.own);
         EXPECT_EQ(s.request(s.own, MACH_NOTIFY_NO_SENDERS), KERN_SUCCESS);
         s.client.mod_refs(s.own, MACH_PORT_RIGHT_RECEIVE, -1);
       }},
  };
  for (const OnceCase& row : rows) check_once(row);
}

// 06.13: a message that has it is destroyed.
TEST(SendOnceNotification, ComesOnceFromEachMessageThatIsDestroyed) {
  const OnceCase rows[] = {
      {"as reply in a dying queue", 1,
       [](OnceScene& s) {
         s.queue_as_reply();
         s.server.destroy(s.other);
       }},
      {"in a body in a dying queue", 1,
       [](OnceScene& s) {
         s.queue_in_body();
         s.server.destroy(s.other);
       }},
      {"as reply of a message too large to receive", 1,
       [](OnceScene& s) {
         s.queue_as_reply();
         EXPECT_EQ(s.server.receive(s.other, 0, 0, 16).code, MACH_RCV_TOO_LARGE);
       }},
      {"as reply of a message with a bad notify", 1,
       [](OnceScene& s) {
         s.queue_as_reply();
         EXPECT_EQ(s.server.receive(s.other, MACH_RCV_NOTIFY, 0).code, MACH_RCV_INVALID_NOTIFY);
       }},
      {"as destination of a refused body", 1,
       [](OnceScene& s) {
         EXPECT_EQ(s.client.send(
                       {.remote = s.once, .remote_type = kMoveOnce, .items = {rights(kCopySend, {kUnused})}}),
                   MACH_SEND_INVALID_RIGHT);
       }},
      {"received and given up", 1,
       [](OnceScene& s) {
         s.queue_as_reply();
         s.server.deallocate(s.server.receive(s.other).header.msgh_remote_port);
       }},
  };
  for (const OnceCase& row : rows) check_once(row);
}

// 06.13: what uses a right up, or leaves nobody to tell.
TEST(SendOnceNotification, DoesNotComeOtherwise) {
  const OnceCase rows[] = {
      {"used by a message that is received", 0,
       [](OnceScene& s) {
         s.client.send({.remote = s.once, .remote_type = kMoveOnce, .id = 1});
         EXPECT_EQ(s.server.receive(s.r).header.msgh_id, 1);
       }},
      {"a request that fires", 0,
       [](OnceScene& s) {
         EXPECT_EQ(s.request(s.to, MACH_NOTIFY_DEAD_NAME), KERN_SUCCESS);
         s.client.deallocate(s.to);
         EXPECT_EQ(s.server.receive(s.r).header.msgh_id, MACH_NOTIFY_PORT_DELETED);
       }},
      {"a request that is cancelled by a send", 0,
       [](OnceScene& s) {
         const Name mine = s.client.give_send_once(s.client, s.own);
         ASSERT_TRUE(calls::request_notification(s.client.space(), s.client.space(), s.once,
                                                 MACH_NOTIFY_DEAD_NAME, 0, mine, kMoveOnce)
                         .ok());
         s.client.send({.remote = s.once, .remote_type = kMoveOnce}, MACH_SEND_CANCEL, s.own);
         EXPECT_EQ(s.client.drain(s.own, MACH_NOTIFY_SEND_ONCE), 0U);
         s.server.receive(s.r);
       }},
  };
  for (const OnceCase& row : rows) check_once(row);
}

// 06.13: a replaced request is not dropped but returned; a dead port is told nothing.
TEST(SendOnceNotification, AReplacedRequestComesBackAndADeadPortIsToldNothing) {
  OnceScene scene;
  EXPECT_EQ(scene.request(scene.to, MACH_NOTIFY_DEAD_NAME), KERN_SUCCESS);
  const auto previous = calls::request_notification(scene.client.space(), scene.client.space(), scene.to,
                                                    MACH_NOTIFY_DEAD_NAME, 0, MACH_PORT_NULL, kMoveOnce);
  EXPECT_EQ(scene.client.state(previous.value()), "SO");
  EXPECT_EQ(scene.server.receive(scene.r).code, MACH_RCV_TIMED_OUT);
  scene.server.destroy(scene.r);
  EXPECT_EQ(scene.client.deallocate(previous.value()), KERN_SUCCESS);
}

}  // namespace
}  // namespace netmsg::test
