// SPDX-License-Identifier: Apache-2.0
// Hosts between which a receive right moves, with verbs for it.
#pragma once

#include <vector>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {

// A port of y's server moves to z and beyond, while x's client holds a send right.
class Moving : public ManyHosts {
 protected:
  explicit Moving(unsigned hosts = 4) : ManyHosts(hosts) {}

  // The receive right sets off in a message to the name service of `to`.
  void depart(Host& from, Task& task, Name name, Host& to) {
    EXPECT_EQ(task.send({.remote = reach(from, task, to),
                         .remote_type = kMoveSend,
                         .items = {rights(kMoveReceive, {name})}}),
              MACH_MSG_SUCCESS);
  }
  // It is received there, and given to the task.
  Name take(Host& at, Task& task) {
    const Received got = at.names.receive(at.names_port);
    EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
    if (got.values.empty()) return 0;
    const auto moved =
        ipc::mach_port::extract_right(task.space(), at.names.space(), got.values[0], kMoveReceive);
    EXPECT_EQ(moved.code(), KERN_SUCCESS);
    run();
    return moved.ok() ? moved.value().first : 0;
  }
  Name move(Host& from, Task& task, Name name, Host& to, Task& to_task) {
    depart(from, task, name, to);
    run();
    return take(to, to_task);
  }
  // The port's request of that kind goes by a send-once right, which the task has.
  void request_by(Task& task, Name name, mach_msg_id_t id, Name once) {
    EXPECT_EQ(
        ipc::mach_port::request_notification(task.space(), task.space(), name, id, 0, once, kMoveOnce).code(),
        KERN_SUCCESS);
  }
  // The server's port and the client's set off into each other, and that ends.
  void cross(Name mine, Name to_mine, unsigned disposition) {
    EXPECT_EQ(client.send({.remote = far, .remote_type = kCopySend, .items = {rights(kMoveReceive, {mine})}}),
              MACH_MSG_SUCCESS);
    EXPECT_EQ(
        server.send({.remote = to_mine, .remote_type = disposition, .items = {rights(kMoveReceive, {p})}}),
        MACH_MSG_SUCCESS);
    run();
    pass(std::chrono::milliseconds(10000));
  }
  mach_msg_return_t send(int id) { return client.send({.remote = far, .remote_type = kCopySend, .id = id}); }
  std::vector<int> received(Task& task, Name name) {
    std::vector<int> ids;
    for (Received got = task.receive(name); got.code == MACH_MSG_SUCCESS; got = task.receive(name)) {
      ids.push_back(got.header.msgh_id);
    }
    run();
    return ids;
  }
  bool at_rest() {
    bool rest = true;
    for (unsigned each = 0; each < 3; ++each) rest = rest && host(each).link->idle();
    return rest;
  }

  Host& x = host(0);
  Host& y = host(1);
  Host& z = host(2);
  Task& client = x.task("client");
  Task& server = y.task("server");
  Task& heir = z.task("heir");
  Name p = server.port();
  Name far = give_across(y, server, p, kMakeSend, x, client);
};

using Ints = std::vector<int>;

// Somebody is lost while it does.
class LostMoves : public Moving {
 protected:
  LostMoves() : Moving(3) {}
  void settle() {
    pass(std::chrono::milliseconds(20000));
    EXPECT_TRUE(at_rest());
  }
};

}  // namespace netmsg::test
