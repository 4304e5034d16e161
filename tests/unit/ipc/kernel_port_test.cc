// SPDX-License-Identifier: Apache-2.0
// Spec 05 §8 and §6: requests to task, thread and host ports, made by hand.
#include "daemon/ipc/kernel_port.h"

#include <gtest/gtest.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <mach/task_special_ports.h>

#include <algorithm>
#include <random>

#include "daemon/ipc/task_ports.h"
#include "tests/support/dispositions.h"
#include "tests/support/seed.h"
#include "tests/support/task_request.h"

namespace netmsg::test {
namespace {

constexpr Name kSelf = ipc::kTaskSelfName;
constexpr Name kFresh = 4711;

// A row of 05 §8 with arguments that succeed.
struct Row {
  const char* call;
  Request request;
  std::size_t request_size;
  std::uint32_t reply_size;
  bool complex_reply;

  bool complex_request() const {
    return std::any_of(request.arguments.begin(), request.arguments.end(), [](const Argument& argument) {
      return MACH_MSG_TYPE_PORT_ANY(argument.descriptor.msgt_name);
    });
  }
  // Does the call take the right that a message with this type in place of the item's carries?
  bool takes(std::size_t item, unsigned type) const {
    if (!MACH_MSG_TYPE_PORT_ANY(type)) return false;
    const auto disposition = static_cast<ipc::Disposition>(type);
    const auto expected = static_cast<ipc::Disposition>(request.arguments[item].descriptor.msgt_name);
    return request.id == 3215 || ipc::received_type(disposition) == ipc::received_type(expected);
  }
};

// Names are the same in each.
struct Scene {
  World world;
  Task& task = world.task("task");
  Task& server = world.task("server");
  Name home = server.port();
  Name reply = task.port();
  Name r = task.port();
  Name s = server.give_send(task, home);
  Name so = server.give_send_once(task, home);
  Name ps = task.port_set();
  Name dn = task.dead_name(2);
  Name notify = task.port();

  const std::vector<Row> rows = {
      {"mach_port_names", {3200, {}}, 32, 80, true},
      {"mach_port_get_set_status", {3212, {name_item(ps)}}, 48, 64, true},
      {"mach_ports_register", {2033, {rights_item(kCopySend, {s, 0})}}, 48, 48, false},
      {"mach_ports_lookup", {2034, {}}, 32, 64, true},
      {"vm_statistics", {2030, {}}, 32, 112, false},
      {"mach_port_type", {3201, {name_item(s)}}, 48, 64, false},
      {"mach_port_rename", {3202, {name_item(dn), name_item(kFresh)}}, 64, 48, false},
      {"mach_port_allocate_name", {3203, {number_item(1), name_item(kFresh)}}, 64, 48, false},
      {"mach_port_allocate", {3204, {number_item(1)}}, 48, 64, false},
      {"mach_port_destroy", {3205, {name_item(s)}}, 48, 48, false},
      {"mach_port_deallocate", {3206, {name_item(s)}}, 48, 48, false},
      {"mach_port_get_refs", {3207, {name_item(s), number_item(0)}}, 64, 64, false},
      {"mach_port_mod_refs", {3208, {name_item(s), number_item(0), number_item(1)}}, 80, 48, false},
      {"mach_port_set_qlimit", {3210, {name_item(r), number_item(7)}}, 64, 48, false},
      {"mach_port_set_mscount", {3211, {name_item(r), number_item(7)}}, 64, 48, false},
      {"mach_port_move_member", {3213, {name_item(r), name_item(ps)}}, 64, 48, false},
      {"mach_port_request_notification",
       {3214, {name_item(s), number_item(72), number_item(0), right_item(kMakeOnce, notify)}},
       96,
       64,
       true},
      {"mach_port_insert_right", {3215, {name_item(r), right_item(kMakeSend, r)}}, 64, 48, false},
      {"mach_port_extract_right", {3216, {name_item(r), number_item(kMakeSend)}}, 64, 64, true},
      {"mach_port_get_receive_status", {3217, {name_item(r)}}, 48, 96, false},
      {"mach_port_set_seqno", {3218, {name_item(r), number_item(7)}}, 64, 48, false},
      {"mach_port_set_protected_payload", {3221, {name_item(r), long_item(~0ULL)}}, 64, 48, false},
      {"mach_port_clear_protected_payload", {3222, {name_item(r)}}, 48, 48, false},
      {"task_get_special_port", {2058, {number_item(TASK_KERNEL_PORT)}}, 48, 64, true},
      {"task_set_special_port",
       {2059, {number_item(TASK_BOOTSTRAP_PORT), right_item(kCopySend, s)}},
       64,
       48,
       false},
  };

  Reply ask_self(const Request& request) { return ask(task, reply, kSelf, request); }
  Reply ask_self(Bytes request) { return ask(task, reply, std::move(request)); }
  Name host_port() { return ipc::task::host_self(task.space()); }
  Name thread_port() { return ipc::task::thread_self(task.space(), 1); }
};

class KernelPort : public testing::Test, protected Scene {
 protected:
  // Each row once, in a scene of its own.
  template <typename Check>
  static void for_each_row(Check check) {
    for (std::size_t at = 0; at < Scene().rows.size(); ++at) {
      Scene scene;
      SCOPED_TRACE(scene.rows[at].call);
      check(scene, scene.rows[at]);
    }
  }
};

// All 32 bytes of the header, the code's item and the padding (05 §8).
void expect_reply(const Reply& got, const Request& request, std::uint32_t size, bool complex) {
  ASSERT_EQ(got.received, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_bits, 0x00001200U | (complex ? MACH_MSGH_BITS_COMPLEX : 0U));
  EXPECT_EQ(got.header.msgh_size, size);
  EXPECT_EQ(got.bytes.size(), size);
  EXPECT_EQ(got.header.msgh_id, request.id + 100);
  EXPECT_EQ(got.word(32), 0x20002002U);
  EXPECT_EQ(got.word(36), 1U);
  EXPECT_EQ(got.word(44), 0U) << "padding";
}

void expect_failure(const Reply& got, const Request& request, kern_return_t code) {
  EXPECT_EQ(got.code, code);
  expect_reply(got, request, sizeof(mig_reply_header_t), false);
}

// 05.16
TEST_F(KernelPort, EachCallHasItsSizes) {
  for_each_row([](Scene& scene, const Row& row) {
    EXPECT_EQ(row.request.encode(kSelf, scene.reply).size(), row.request_size);
    const Reply got = scene.ask_self(row.request);
    EXPECT_EQ(got.code, KERN_SUCCESS);
    EXPECT_EQ(scene.task.state(scene.reply), "R") << "the reply used up the right to it";
    expect_reply(got, row.request, row.reply_size, row.complex_reply);
  });
}

// 05.16
TEST_F(KernelPort, AnyOtherSizeIsABadArgument) {
  for_each_row([](Scene& scene, const Row& row) {
    Bytes longer = row.request.encode(kSelf, scene.reply);
    longer.resize(longer.size() + 8);
    if (!row.complex_request()) expect_failure(scene.ask_self(longer), row.request, MIG_BAD_ARGUMENTS);
    Request shorter = row.request;
    if (!shorter.arguments.empty()) {
      shorter.arguments.pop_back();
      expect_failure(scene.ask_self(shorter), row.request, MIG_BAD_ARGUMENTS);
    }
    Request more = row.request;
    more.arguments.push_back(number_item(0));
    expect_failure(scene.ask_self(more), row.request, MIG_BAD_ARGUMENTS);
  });
}

// Every bit of every descriptor counts, where a message with that bit can be sent at all.
TEST_F(KernelPort, AnyOtherDescriptorIsABadArgument) {
  for_each_row([](Scene& outer, const Row& row) {
    for (std::size_t item = 0; item < row.request.arguments.size(); ++item) {
      for (unsigned bit = 0; bit < 64; ++bit) {
        Scene scene;
        Bytes bytes = row.request.encode(kSelf, outer.reply);
        bytes[32 + 16 * item + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        const Reply got = ask(scene.task, scene.reply, bytes, row.request.memory());
        if (got.sent != MACH_MSG_SUCCESS) continue;
        SCOPED_TRACE("item " + std::to_string(item) + ", bit " + std::to_string(bit));
        const bool array = !row.request.arguments[item].array.empty();
        if (array && bit >= 31) continue;  // deallocate is the sender's affair, any number will do
        if (bit < 8 && row.takes(item, static_cast<unsigned>(bytes[32 + 16 * item]))) continue;
        expect_failure(got, row.request, MIG_BAD_ARGUMENTS);
      }
    }
  });
}

TEST_F(KernelPort, TheComplexBitMustFit) {
  for_each_row([](Scene& scene, const Row& row) {
    Request request = row.request;
    if (row.complex_request()) {
      Bytes simple = request.encode(kSelf, scene.reply);
      simple[3] &= std::byte{0x7F};
      expect_failure(scene.ask_self(simple), request, MIG_BAD_ARGUMENTS);
    } else {
      // The bit does not survive in a message without rights and memory (02 §3).
      request.bits = MACH_MSGH_BITS_COMPLEX;
      EXPECT_EQ(scene.ask_self(request).code, KERN_SUCCESS);
    }
  });
}

// 05.16
TEST_F(KernelPort, UnknownIds) {
  for (const mach_msg_id_t id : {0, -1, 2020, 2022, 2090, 3199, 3209, 3219, 3220, 3224, 3301, 0x7FFFFFFF}) {
    SCOPED_TRACE(id);
    const Reply got = ask_self(Request{id, {}});
    EXPECT_EQ(got.code, MIG_BAD_ID);
    EXPECT_EQ(got.bytes.size(), sizeof(mig_reply_header_t));
    EXPECT_EQ(static_cast<std::uint32_t>(got.header.msgh_id), static_cast<std::uint32_t>(id) + 100);
  }
}

// 05 §7
TEST_F(KernelPort, MemoryOfATaskIsNotForOthers) {
  for (const mach_msg_id_t id : {2021, 2023, 2024, 2025, 2026, 2027, 2028, 2029, 2089}) {
    const Request request{id, {long_item(0), right_item(kMakeOnce, notify)}};
    expect_failure(ask_self(request), request, KERN_INVALID_ARGUMENT);
  }
  EXPECT_EQ(task.drain(notify, MACH_NOTIFY_SEND_ONCE), 9U) << "what came with the requests is destroyed";
}

// 05 §6
TEST_F(KernelPort, StatisticsTellTheSizeOfAPage) {
  const Reply got = ask_self(Request{2030, {}});
  EXPECT_EQ(got.word(48), 0x20002002U);
  EXPECT_EQ(got.word(52), 13U);
  EXPECT_EQ(got.word(56), 4096U);
  for (unsigned at = 60; at < 112; at += 4) EXPECT_EQ(got.word(at), 0U) << at;
}

TEST_F(KernelPort, ResultsFollowTheCode) {
  Reply got = ask_self(Request{3204, {number_item(MACH_PORT_RIGHT_RECEIVE)}});
  EXPECT_EQ(got.word(48), 0x2000200FU);
  EXPECT_EQ(got.word(52), 1U);
  EXPECT_EQ(task.state(got.word(56)), "R");
  EXPECT_EQ(got.word(60), 0U);

  got = ask_self(Request{3207, {name_item(dn), number_item(MACH_PORT_RIGHT_DEAD_NAME)}});
  EXPECT_EQ(got.word(48), 0x20002002U);
  EXPECT_EQ(got.word(56), 2U);

  got = ask_self(Request{3217, {name_item(reply)}});
  EXPECT_EQ(got.word(48), 0x20002002U);
  EXPECT_EQ(got.word(52), 9U);
  EXPECT_EQ(got.word(60), 2U) << "the sequence number: two replies were received";
  EXPECT_EQ(got.word(68), 5U) << "the queue limit";
  EXPECT_EQ(got.word(92), 0U) << "padding";
}

TEST_F(KernelPort, RightsComeAsRights) {
  Reply got = ask_self(Request{3216, {name_item(r), number_item(kMakeOnce)}});
  EXPECT_EQ(got.word(48), 0x20004012U);
  EXPECT_EQ(task.state(got.word(56)), "SO");
  got = ask_self(Request{3216, {name_item(r), number_item(kMakeSend)}});
  EXPECT_EQ(got.word(48), 0x20004011U);
  EXPECT_EQ(got.word(56), r);
  got = ask_self(Request{3216, {name_item(dn), number_item(kCopySend)}});
  EXPECT_EQ(got.word(48), 0x20004011U);
  EXPECT_EQ(got.word(56), MACH_PORT_DEAD);
  got = ask_self(Request{3216, {name_item(r), number_item(MACH_MSG_TYPE_MOVE_RECEIVE)}});
  EXPECT_EQ(got.word(48), 0x20004010U);
  EXPECT_EQ(got.word(56), r) << "it had send rights, so the name stayed";
  EXPECT_EQ(task.state(r), "R+S1");
}

// 05 §3
TEST_F(KernelPort, NamesAndTypesComeAsTwoArraysOutOfLine) {
  const Reply got = ask_self(Request{3200, {}});
  EXPECT_EQ(got.word(48), 0xC000200FU) << "names: longform, deallocate";
  EXPECT_EQ(got.word(52), 8U);
  EXPECT_EQ(got.word(64), 0xC0002002U);
  EXPECT_EQ(got.word(68), 8U);
  ASSERT_EQ(got.arrays.size(), 2U);
  EXPECT_EQ(got.arrays[0], (std::vector<std::uint32_t>{kSelf, reply, r, s, so, ps, dn, notify}));
  for (std::size_t at = 0; at < got.arrays[0].size(); ++at) {
    EXPECT_EQ(got.arrays[1][at], ipc::mach_port::type(task.space(), got.arrays[0][at]).value());
  }
}

// 05.11
TEST_F(KernelPort, MembersOfASetComeOutOfLine) {
  const auto members = [&] { return ask_self(Request{3212, {name_item(ps)}}); };
  Reply got = members();
  EXPECT_EQ(got.word(48), 0xC000200FU);
  EXPECT_EQ(got.word(52), 0U);
  EXPECT_TRUE(got.arrays.empty()) << "an empty set has no memory";
  std::vector<Name> names;
  for (int i = 0; i < 5000; ++i) {
    names.push_back(task.port());
    ASSERT_EQ(ipc::mach_port::move_member(task.space(), names.back(), ps), KERN_SUCCESS);
  }
  got = members();
  EXPECT_EQ(got.word(52), 5000U);
  ASSERT_EQ(got.arrays.size(), 1U);
  std::sort(got.arrays[0].begin(), got.arrays[0].end());
  EXPECT_EQ(got.arrays[0], names);
  got = {};
  EXPECT_EQ(ask_self(Request{3212, {name_item(r)}}).code, KERN_INVALID_RIGHT);
}

// 05.17
TEST_F(KernelPort, RegisteredPorts) {
  const auto lookup = [&] {
    Reply got = ask_self(Request{2034, {}});
    EXPECT_EQ(got.word(48), 0xC0002011U);
    EXPECT_EQ(got.word(52), 4U);
    return got.arrays.at(0);
  };
  const auto enter = [&](std::vector<Name> names) {
    return ask_self(Request{2033, {rights_item(kCopySend, std::move(names))}}).code;
  };
  using Names = std::vector<std::uint32_t>;
  EXPECT_EQ(lookup(), (Names{0, 0, 0, 0}));
  EXPECT_EQ(enter({s, MACH_PORT_DEAD, kSelf}), KERN_SUCCESS);
  EXPECT_EQ(lookup(), (Names{s, MACH_PORT_DEAD, kSelf, 0}));
  EXPECT_EQ(task.state(s), "S2");
  EXPECT_EQ(enter({s, s, s, s, s}), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(lookup()[0], s) << "nothing has changed";
  server.destroy(home);
  EXPECT_EQ(lookup()[0], MACH_PORT_DEAD);
  EXPECT_EQ(enter({}), KERN_SUCCESS);
  EXPECT_EQ(lookup(), (Names{0, 0, 0, 0}));
  auto right = world.engine.copy_send(task.space(), r);
  world.engine.register_port(task.space(), 2, std::move(right.value()));
  EXPECT_EQ(lookup(), (Names{0, 0, r, 0}));
}

TEST_F(KernelPort, RegisteredRightsEndWithTheTask) {
  const Name told = server.port();
  ASSERT_EQ(server.request(home, MACH_NOTIFY_NO_SENDERS, told), KERN_SUCCESS);
  ASSERT_EQ(ask_self(Request{2033, {rights_item(MACH_MSG_TYPE_MOVE_SEND, {s})}}).code, KERN_SUCCESS);
  EXPECT_EQ(server.drain(told, MACH_NOTIFY_NO_SENDERS), 0U);
  task.die();
  EXPECT_EQ(server.drain(told, MACH_NOTIFY_NO_SENDERS), 1U);
}

TEST_F(KernelPort, WhatAReplyBringsIsChargedUntilItIsReceived) {
  const std::uint64_t before = world.account.bytes_used();
  ask_self(Request{3200, {}});
  EXPECT_EQ(world.account.bytes_used(), before);
  task.call({.option = MACH_SEND_MSG, .message = Request{3200, {}}.encode(kSelf, reply)});
  EXPECT_GE(world.account.bytes_used(), before + 80 + 2 * 8 * sizeof(Name));
}

TEST_F(KernelPort, TheRequestBeforeComesBackAsARight) {
  const auto request = [&](Name to) {
    return ask_self(
        Request{3214, {name_item(s), number_item(72), number_item(0), right_item(kMakeOnce, to)}});
  };
  Reply got = request(notify);
  EXPECT_EQ(got.word(48), 0x20004012U);
  EXPECT_EQ(got.word(56), MACH_PORT_NULL);
  got = request(r);
  EXPECT_EQ(task.state(got.word(56)), "SO");
  EXPECT_EQ(request(MACH_PORT_DEAD).code, KERN_INVALID_CAPABILITY);
  EXPECT_TRUE(task.has_request(s));
}

TEST_F(KernelPort, AReceiveRightCanBeInserted) {
  const auto insert = [&](Name name, Name right) {
    return ask_self(Request{3215, {name_item(name), right_item(MACH_MSG_TYPE_MOVE_RECEIVE, right)}}).code;
  };
  EXPECT_EQ(insert(kFresh, r), KERN_SUCCESS);
  EXPECT_EQ(task.state(kFresh), "R");
  EXPECT_EQ(task.state(r), "free");
  EXPECT_EQ(insert(s, kFresh), KERN_NAME_EXISTS);
  EXPECT_EQ(task.state(kFresh), "free") << "and the port is dead";
}

// The reply cannot be received any more, so nobody can have the right that it carries (03 §9).
TEST_F(KernelPort, AReplyThatCarriesItsOwnPortIsDestroyed) {
  const Reply got = ask_self(Request{3216, {name_item(reply), number_item(MACH_MSG_TYPE_MOVE_RECEIVE)}});
  EXPECT_EQ(got.received, MACH_RCV_INVALID_NAME);
  EXPECT_EQ(task.state(reply), "free");
}

TEST_F(KernelPort, WithoutAReplyRightTheCallIsStillCarriedOut) {
  const auto tell = [&](const Request& request) {
    return task.call({.option = MACH_SEND_MSG, .message = request.encode(kSelf, MACH_PORT_NULL, 0)}).code;
  };
  EXPECT_EQ(tell({3203, {number_item(MACH_PORT_RIGHT_DEAD_NAME), name_item(kFresh)}}), MACH_MSG_SUCCESS);
  EXPECT_EQ(task.state(kFresh), "DN1");
  EXPECT_EQ(tell({3216, {name_item(notify), number_item(kMakeOnce)}}), MACH_MSG_SUCCESS);
  EXPECT_EQ(task.drain(notify, MACH_NOTIFY_SEND_ONCE), 1U) << "nobody got the right";
  const Request refused{3299, {right_item(kMakeOnce, notify)}};
  EXPECT_EQ(tell(refused), MACH_MSG_SUCCESS);
  EXPECT_EQ(task.drain(notify, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(ask(task, reply, Request{3201, {name_item(s)}}.encode(kSelf, MACH_PORT_DEAD)).received,
            MACH_RCV_TIMED_OUT);
}

TEST_F(KernelPort, RepliesIgnoreTheQueueLimit) {
  ASSERT_EQ(task.set_qlimit(r, 0), KERN_SUCCESS);
  const Bytes request = Request{3201, {name_item(s)}}.encode(kSelf, r, kMakeSend);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(task.call({.option = MACH_SEND_MSG, .message = request}).code, MACH_MSG_SUCCESS);
  }
  EXPECT_EQ(task.status(r).mps_msgcount, 3U);
  const Received got = task.receive(r);
  EXPECT_EQ(got.header.msgh_bits, 0x00001100U) << "sent to the send right it was asked to come to";
}

// Every error destroys what the request carried, but not the right to reply.
TEST_F(KernelPort, AnErrorDestroysTheRightsOfTheRequest) {
  const Request wrong_form{3215, {name_item(r), right_item(kMakeOnce, notify), number_item(0)}};
  const Request wrong_id{3209, {right_item(kMakeOnce, notify)}};
  const Request no_success{3215, {name_item(s), right_item(kMakeOnce, notify)}};
  expect_failure(ask_self(wrong_form), wrong_form, MIG_BAD_ARGUMENTS);
  expect_failure(ask_self(wrong_id), wrong_id, MIG_BAD_ID);
  expect_failure(ask_self(no_success), no_success, KERN_NAME_EXISTS);
  EXPECT_EQ(task.drain(notify, MACH_NOTIFY_SEND_ONCE), 3U);
}

// ---------------------------------------------------------------- which port

// 05.2
TEST_F(KernelPort, OnlyATaskPortIsATask) {
  for_each_row([](Scene& scene, const Row& row) {
    for (const Name target : {scene.host_port(), scene.thread_port()}) {
      expect_failure(ask(scene.task, scene.reply, target, row.request), row.request, KERN_INVALID_TASK);
    }
  });
}

// 05 §4
TEST_F(KernelPort, NobodyHasThePrivilegeToSetAKtype) {
  const Request request{3223, {right_item(kCopySend, kSelf), name_item(r), number_item(0), number_item(28)}};
  EXPECT_EQ(request.encode(kSelf, reply).size(), 96U);
  for (const Name target : {host_port(), thread_port(), kSelf}) {
    expect_failure(ask(task, reply, target, request), request, KERN_INVALID_HOST);
  }
}

// 05.2, 05.7
TEST_F(KernelPort, AnotherTaskIsReachedThroughItsPort) {
  const Name other =
      ipc::mach_port::extract_right(task.space(), server.space(), kSelf, kCopySend).value().first;
  const auto ask_other = [&](const Request& request) { return ask(task, reply, other, request); };
  EXPECT_EQ(ask_other({3215, {name_item(kFresh), right_item(kMakeSend, r)}}).code, KERN_SUCCESS);
  EXPECT_EQ(server.state(kFresh), "S1");
  EXPECT_EQ(task.status(r).mps_mscount, 1U);
  const Reply got = ask_other({3216, {name_item(kFresh), number_item(MACH_MSG_TYPE_MOVE_SEND)}});
  EXPECT_EQ(got.word(56), r);
  EXPECT_EQ(task.state(r), "R+S1");
  EXPECT_EQ(server.state(kFresh), "free");
  EXPECT_EQ(ask_other({3201, {name_item(r)}}).code, KERN_INVALID_NAME) << "a name of the other space";
  server.die();
  EXPECT_EQ(ask_other({3201, {name_item(kFresh)}}).sent, MACH_SEND_INVALID_DEST);
}

// 05.2
TEST_F(KernelPort, WhatIsNotAUsableSendRightIsNoDestination) {
  const Request request{3201, {name_item(s)}};
  for (const Name target : {Name{0}, Name{MACH_PORT_DEAD}, r, dn, kFresh, ps}) {
    EXPECT_EQ(ask(task, reply, target, request).sent, MACH_SEND_INVALID_DEST) << target;
  }
  ask(task, reply, s, request);
  EXPECT_EQ(server.receive(home).header.msgh_id, 3201) << "a user's port: the user answers what he likes";
}

// ---------------------------------------------------------------- task, thread, host (05 §6)

TEST_F(KernelPort, TheTrapsTakeAReference) {
  EXPECT_EQ(ipc::task::self(task.space()), kSelf);
  EXPECT_EQ(task.state(kSelf), "S2");
  const Name host = host_port();
  EXPECT_EQ(host_port(), host);
  EXPECT_EQ(task.state(host), "S2");
  const Name thread = thread_port();
  EXPECT_EQ(thread_port(), thread);
  EXPECT_NE(ipc::task::thread_self(task.space(), 2), thread) << "another thread";
  world.engine.end_thread(task.space(), 1);
  EXPECT_EQ(task.state(thread), "DN2");
  world.check();
}

TEST_F(KernelPort, TheTrapsFailWithoutRoomForAName) {
  World small(ipc::Limits{.names_per_space = 1});
  Task& full = small.task();
  EXPECT_EQ(ipc::task::host_self(full.space()), MACH_PORT_NULL);
  EXPECT_EQ(ipc::task::thread_self(full.space(), 1), MACH_PORT_NULL);
  EXPECT_EQ(ipc::task::self(full.space()), kSelf);
  small.check();
}

TEST_F(KernelPort, SpecialPorts) {
  const auto get = [&](std::uint32_t which) { return ask_self(Request{2058, {number_item(which)}}); };
  const auto set = [&](std::uint32_t which, Name name) {
    return ask_self(Request{2059, {number_item(which), right_item(kCopySend, name)}}).code;
  };
  EXPECT_EQ(get(TASK_KERNEL_PORT).word(56), kSelf);
  EXPECT_EQ(get(TASK_BOOTSTRAP_PORT).word(56), MACH_PORT_NULL);
  EXPECT_EQ(get(TASK_BOOTSTRAP_PORT).word(48), 0x20004011U);
  for (const std::uint32_t which : {0U, 2U, 5U, ~0U}) EXPECT_EQ(get(which).code, KERN_INVALID_ARGUMENT);
  EXPECT_EQ(set(2, s), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(set(TASK_BOOTSTRAP_PORT, s), KERN_SUCCESS);
  EXPECT_EQ(get(TASK_BOOTSTRAP_PORT).word(56), s);
  EXPECT_EQ(task.state(s), "S2");
  EXPECT_EQ(set(TASK_EXCEPTION_PORT, MACH_PORT_DEAD), KERN_SUCCESS);
  EXPECT_EQ(get(TASK_EXCEPTION_PORT).word(56), MACH_PORT_DEAD);
}

// The kept right is a sender like any other, until the task ends.
TEST_F(KernelPort, ASpecialPortIsKeptAsLongAsItsTask) {
  const Name told = server.port();
  ASSERT_EQ(server.request(home, MACH_NOTIFY_NO_SENDERS, told), KERN_SUCCESS);
  const Request move{2059, {number_item(TASK_BOOTSTRAP_PORT), right_item(MACH_MSG_TYPE_MOVE_SEND, s)}};
  ASSERT_EQ(ask_self(move).code, KERN_SUCCESS);
  EXPECT_EQ(task.state(s), "free");
  EXPECT_EQ(server.drain(told, MACH_NOTIFY_NO_SENDERS), 0U);
  task.die();
  EXPECT_EQ(server.drain(told, MACH_NOTIFY_NO_SENDERS), 1U);
}

// ---------------------------------------------------------------- hostile requests (09 §3)

// Requests that are nearly right, and bytes that are anything.
TEST_F(KernelPort, RandomRequestsNeverHarmTheEngine) {
  std::mt19937 random(test_seed());
  const auto flip = [&](Bytes& bytes) {
    bytes[random() % bytes.size()] ^= static_cast<std::byte>(1U << random() % 8);
  };
  const auto scramble = [&](Bytes& bytes) {
    bytes.resize(32 + random() % 12 * 8);
    for (std::size_t at = 32; at < bytes.size(); ++at) bytes[at] = static_cast<std::byte>(random());
  };
  std::uint64_t answered = 0;
  for (int round = 0; round < 4000; ++round) {
    const Row& row = rows[random() % rows.size()];
    Bytes bytes = row.request.encode(kSelf, reply, random() % 8 == 0 ? kMakeSend : kMakeOnce);
    if (random() % 4 == 0) scramble(bytes);
    for (auto flips = random() % 4; flips > 0; --flips) flip(bytes);
    task.call(
        {.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT, .message = bytes, .memory = row.request.memory()});
    if (task.state(kSelf) == "free") {
      ipc::mach_port::rename(task.space(), ipc::task::self(task.space()), kSelf);
    }
    mach_msg_return_t code;
    while ((code = task.receive(reply).code) == MACH_MSG_SUCCESS) ++answered;
    if (code != MACH_RCV_TIMED_OUT) reply = task.port();  // gone, or in a set
  }
  EXPECT_GT(answered, 1000U);
}

}  // namespace
}  // namespace netmsg::test
