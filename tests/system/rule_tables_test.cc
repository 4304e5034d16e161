// SPDX-License-Identifier: Apache-2.0
// The tables of spec 04, row by row, through real processes: this one sends, and one or two port_servers
// are the other ends, on its own host or on others: nobody sees a difference. §3 is in local_rights_test.cc. The engine's
// own tests ask the same of the engine alone.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <stdexcept>

#include "tests/support/copyin_table.h"
#include "tests/support/dispositions.h"
#include "tests/support/same_name_table.h"
#include "tests/system/rights_scene.h"

namespace netmsg::test {
namespace {

constexpr unsigned kPatienceMs = 1000;

// Where in a message the right stands.
enum class Place { kDestination, kReply, kBody };

// Three hosts, each with a session with each other one; this process is a client of the first.
struct ThreeHosts {
  std::uint16_t ports[3] = {free_port(), free_port(), free_port()};
  Host a{"a", ports[0], {{"b", ports[1]}, {"c", ports[2]}}};
  Host b{"b", ports[1], {{"a", ports[0]}, {"c", ports[2]}}};
  Host c{"c", ports[2], {{"a", ports[0]}, {"b", ports[1]}}};
  ThreeHosts() {
    if (!a.connected_to("b") || !a.connected_to("c") || !b.connected_to("c"))
      throw std::runtime_error("no sessions between the hosts");
  }
};

ThreeHosts& hosts() {
  static ThreeHosts three;
  return three;
}

// Where the two servers are: a right may stay on a host, go to another one, come home, or be introduced to a third.
enum class Where { kSameHost, kOtherHost, kTwoOthers };

std::string name_of(const testing::TestParamInfo<Where>& info) {
  constexpr const char* kNames[] = {"SameHost", "OtherHost", "TwoOtherHosts"};
  return kNames[static_cast<int>(info.param)];
}

class RuleTables : public testing::TestWithParam<Where> {
 protected:
  // Where messages go that carry the right.
  static PortServerClient& target() {
    static Servers all("target", {&hosts().a, &hosts().b, &hosts().b});
    return all.here();
  }
  // Has the port behind the right, if that is not ours.
  static PortServerClient& home() {
    static Servers all("home", {&hosts().a, &hosts().b, &hosts().c});
    return all.here();
  }
  void TearDown() override { EXPECT_EQ(balanced({&hosts().a, &hosts().b, &hosts().c}), ""); }

  // A message that has `name` in this place; what it goes to, if that is another port, is copied.
  static Outgoing message(Place place, unsigned disposition, mach_port_t name, mach_port_t to) {
    if (place == Place::kDestination) return {.remote = name, .remote_type = disposition};
    Outgoing carrying{.remote = to, .remote_type = kCopySend};
    if (place == Place::kReply) {
      carrying.local = name;
      carrying.local_type = disposition;
    } else {
      carrying.items = {rights(disposition, {name})};
    }
    return carrying;
  }

 private:
  // A server for each Where.
  class Servers {
   public:
    Servers(std::string name, std::vector<const Host*> at) : name_(std::move(name)), at_(std::move(at)) {}
    PortServerClient& here() {
      auto& server = servers_[GetParam()];
      const auto where = static_cast<std::size_t>(GetParam());
      if (!server)
        server = std::make_unique<PortServerClient>(hosts().a, *at_[where], name_ + std::to_string(where));
      return *server;
    }

   private:
    const std::string name_;
    const std::vector<const Host*> at_;
    std::map<Where, std::unique_ptr<PortServerClient>> servers_;
  };
};

// ---------------------------------------------------------------- 04 §1

mach_msg_return_t refusal(Place place) {
  switch (place) {
    case Place::kDestination:
      return MACH_SEND_INVALID_DEST;
    case Place::kReply:
      return MACH_SEND_INVALID_REPLY;
    default:
      return MACH_SEND_INVALID_RIGHT;
  }
}

bool has_request(mach_port_t name) {
  mach_port_type_t type = 0;
  return mach_port_type(mach_task_self(), name, &type) == KERN_SUCCESS &&
         (type & MACH_PORT_TYPE_DNREQUEST) != 0;
}

class CopyinTable : public RuleTables {
 protected:
  // Every cell of the table for rights in this place, without and with a dead-name request on the name.
  static void check_all(Place place) {
    const unsigned first = place == Place::kBody ? kMoveReceive : kMoveSend;
    for (unsigned disposition = first; disposition <= kMakeOnce; ++disposition) {
      for (const std::string before : kCopyinStates) {
        for (const bool with_request : {false, true}) {
          RightsScene scene(home(), before);
          const bool requested = with_request && request_death(scene.x, scene.notify) == KERN_SUCCESS;
          check(place, disposition, scene, before, requested);
        }
      }
    }
  }

  static void check(Place place, unsigned disposition, RightsScene& scene, const std::string& before,
                    bool requested) {
    SCOPED_TRACE(std::string(disposition_name(disposition)) + " on " + before +
                 (requested ? " with a request" : ""));
    const mach_port_t to = place == Place::kDestination ? MACH_PORT_NULL : target().new_port();
    const std::string after = place == Place::kDestination ? after_copyin_as_destination(disposition, before)
                                                           : after_copyin(disposition, before);
    const bool taken = !after.empty();
    EXPECT_EQ(send_message(message(place, disposition, scene.x, to)),
              taken ? MACH_MSG_SUCCESS : refusal(place));
    EXPECT_EQ(state_of(scene.x), taken ? after : before);
    const bool freed = taken && after == "free";
    EXPECT_EQ(drain(scene.notify, MACH_NOTIFY_PORT_DELETED), requested && freed ? 1U : 0U);
    EXPECT_EQ(has_request(scene.x), requested && !freed);
    if (taken) check_arrival(place, disposition, scene, before);
    mach_port_destroy(mach_task_self(), to);
  }

  static void check_arrival(Place place, unsigned disposition, RightsScene& scene,
                            const std::string& before) {
    const ReceivedValues got =
        place == Place::kDestination ? scene.receive(kPatienceMs) : target().receive(kPatienceMs);
    ASSERT_EQ(got.code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
    EXPECT_EQ(got.local_is, kFieldP);
    if (place == Place::kDestination) {
      EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.bits), received_type(disposition));
      return;
    }
    const BroughtRight& right = place == Place::kReply ? got.reply : got.carried;
    EXPECT_EQ(right.type, received_type(disposition));
    const std::uint32_t is = place == Place::kReply ? got.remote_is : got.carried_is;
    EXPECT_EQ(is, before[0] == 'D' ? kFieldDead : kFieldOther);
    if (is == kFieldOther) {
      EXPECT_EQ(state_of(right), arrives_as(disposition));
    }
  }

  static std::string arrives_as(unsigned disposition) {
    switch (received_type(disposition)) {
      case MACH_MSG_TYPE_PORT_RECEIVE:
        return "R";
      case MACH_MSG_TYPE_PORT_SEND_ONCE:
        return "SO";
      default:
        return "S1";
    }
  }
};

// 04.1
TEST_P(CopyinTable, EveryCellAsDestination) {
  check_all(Place::kDestination);
}

// 04.1
TEST_P(CopyinTable, EveryCellAsReply) {
  check_all(Place::kReply);
}

// 04.1
TEST_P(CopyinTable, EveryCellInABody) {
  check_all(Place::kBody);
}

// 04.1, 04.9: note 1, the kind of right no longer matters once its port is dead.
TEST_P(CopyinTable, ARightWhosePortHasDiedIsADeadName) {
  const std::pair<const char*, const char*> died[] = {{"S1", "DN1"}, {"S2", "DN2"}, {"SO", "DN1"}};
  for (const Place place : {Place::kDestination, Place::kReply, Place::kBody}) {
    for (unsigned disposition = kMoveSend; disposition <= kMakeOnce; ++disposition) {
      for (const auto& [before, dead] : died) {
        RightsScene scene(home(), before);
        home().ask(Ask::kKill);
        check(place, disposition, scene, dead, false);
      }
    }
  }
}

// The counts of 04 §1 and 01 §6, as the holder of the receive right sees them.
TEST_P(CopyinTable, CountsOfThePort) {
  struct Row {
    unsigned disposition;
    const char* before;
    unsigned mscount;
    unsigned sorights;
  };
  const Row rows[] = {{kMoveSend, "R+S1", 1, 0}, {kCopySend, "R+S1", 1, 0}, {kMakeSend, "R+S1", 2, 0},
                      {kMakeSend, "R", 1, 0},    {kMakeOnce, "R", 0, 1},    {kMakeOnce, "R+S1", 1, 1}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(disposition_name(row.disposition)) + " on " + row.before);
    RightsScene scene(home(), row.before);
    const mach_port_t to = target().new_port();
    EXPECT_EQ(send_message(message(Place::kBody, row.disposition, scene.x, to)), MACH_MSG_SUCCESS);
    mach_port_status_t status{};
    ASSERT_EQ(mach_port_get_receive_status(mach_task_self(), scene.x, &status), KERN_SUCCESS);
    EXPECT_EQ(status.mps_mscount, row.mscount);
    EXPECT_EQ(status.mps_sorights, row.sorights);
    mach_port_destroy(mach_task_self(), to);
  }
}

// 04.7: NULL and DEAD in place of a reply or body right travel as they are, with any disposition.
TEST_P(CopyinTable, NullAndDeadTravelAsTheyAre) {
  const mach_port_t to = target().new_port();
  for (const Place place : {Place::kReply, Place::kBody}) {
    for (unsigned disposition = kMoveSend; disposition <= kMakeOnce; ++disposition) {
      for (const mach_port_t name : {mach_port_t{MACH_PORT_NULL}, mach_port_t{MACH_PORT_DEAD}}) {
        SCOPED_TRACE(disposition_name(disposition));
        EXPECT_EQ(send_message(message(place, disposition, name, to)), MACH_MSG_SUCCESS);
        const ReceivedValues got = target().receive(kPatienceMs);
        const BroughtRight& right = place == Place::kReply ? got.reply : got.carried;
        EXPECT_EQ(right.name, name);
        EXPECT_EQ(right.type, received_type(disposition));
      }
    }
  }
  mach_port_destroy(mach_task_self(), to);
}

// ---------------------------------------------------------------- 04 §2

class HeaderOrder : public RuleTables {
 protected:
  mach_port_t good = target().new_port();
  RightsScene own{home(), "R"};
  mach_port_t unknown = 99999;
  void TearDown() override {
    mach_port_destroy(mach_task_self(), good);
    RuleTables::TearDown();
  }
};

// 04.2, 03.2: two errors at once; the one whose check comes first is told.
TEST_P(HeaderOrder, TheFirstOfTwoErrorsIsTold) {
  struct Row {
    mach_port_t remote;
    unsigned remote_type;
    mach_port_t local;
    unsigned local_type;
    mach_msg_return_t code;
  };
  const mach_port_t null = MACH_PORT_NULL;
  const mach_port_t dead = MACH_PORT_DEAD;
  const Row rows[] = {
      {unknown, kMoveReceive, unknown + 1, kCopySend, MACH_SEND_INVALID_HEADER},
      {unknown, kCopySend, good, 0, MACH_SEND_INVALID_HEADER},
      {unknown, kCopySend, good, kMoveReceive, MACH_SEND_INVALID_HEADER},
      {unknown, kCopySend, unknown, kCopySend, MACH_SEND_INVALID_DEST},
      {null, kCopySend, null, kCopySend, MACH_SEND_INVALID_DEST},
      {dead, kCopySend, dead, kCopySend, MACH_SEND_INVALID_DEST},
      {unknown, kCopySend, dead, kCopySend, MACH_SEND_INVALID_DEST},
      {good, kMakeSend, null, kMakeOnce, MACH_SEND_INVALID_DEST},
      {unknown, kCopySend, unknown + 1, kCopySend, MACH_SEND_INVALID_DEST},
      {good, kCopySend, unknown, kCopySend, MACH_SEND_INVALID_REPLY},
      {good, kMakeSend, unknown, kCopySend, MACH_SEND_INVALID_REPLY},
      {good, kMakeSend, own.x, kCopySend, MACH_SEND_INVALID_REPLY},
      {good, kMakeSend, own.x, kMakeOnce, MACH_SEND_INVALID_DEST},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(send_message({.remote = row.remote,
                            .remote_type = row.remote_type,
                            .local = row.local,
                            .local_type = row.local_type}),
              row.code)
        << "row " << &row - rows;
    EXPECT_EQ(state_of(good), "S1");
    EXPECT_EQ(state_of(own.x), "R");
  }
}

// 04.2: the notify port of MACH_SEND_CANCEL is looked at after the types and before the ports.
TEST_P(HeaderOrder, ABadNotifyStandsBetweenTypesAndPorts) {
  const Outgoing bad_type = {.remote = good, .remote_type = kMoveReceive};
  const Outgoing bad_port = {.remote = unknown, .remote_type = kCopySend};
  EXPECT_EQ(send_message(bad_type, MACH_SEND_CANCEL, MACH_PORT_NULL), MACH_SEND_INVALID_NOTIFY);
  EXPECT_EQ(send_message(bad_type, MACH_SEND_CANCEL, unknown), MACH_SEND_INVALID_HEADER);
  EXPECT_EQ(send_message(bad_port, MACH_SEND_CANCEL, unknown), MACH_SEND_INVALID_NOTIFY);
  EXPECT_EQ(send_message(bad_port, MACH_SEND_CANCEL, good), MACH_SEND_INVALID_NOTIFY);
  EXPECT_EQ(send_message(bad_port, MACH_SEND_CANCEL, own.x), MACH_SEND_INVALID_DEST);
}

// 04.8: destination and reply are two names of one port.
TEST_P(HeaderOrder, TwoNamesOfOnePort) {
  const mach_port_t once = target().send_once_right();
  EXPECT_EQ(send_message({.remote = once, .remote_type = kMoveOnce, .local = good, .local_type = kCopySend}),
            MACH_MSG_SUCCESS);
  const ReceivedValues got = target().receive(kPatienceMs);
  EXPECT_EQ(got.bits, MACH_MSGH_BITS(17U, 18U));
  EXPECT_EQ(got.local_is, kFieldP);
  EXPECT_EQ(got.remote_is, kFieldP);
  EXPECT_EQ(state_of(once), "free");
}

// 04.10: the port-deleted of a moved destination is there before the sender's next call.
TEST_P(HeaderOrder, PortDeletedIsThereWhenTheSendReturns) {
  RightsScene scene(home(), "S1");
  ASSERT_EQ(request_death(scene.x, scene.notify), KERN_SUCCESS);
  EXPECT_EQ(send_message({.remote = scene.x, .remote_type = kMoveSend}), MACH_MSG_SUCCESS);
  const ReceivedMessage told = receive_message(scene.notify);
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_PORT_DELETED);
  EXPECT_EQ(told.values.at(0), scene.x);
  EXPECT_EQ(receive_message(scene.notify).code, MACH_RCV_TIMED_OUT);
}

// ---------------------------------------------------------------- 04 §5

class CopyoutTable : public RuleTables {
 protected:
  mach_port_t to = target().new_port();
  void TearDown() override {
    mach_port_destroy(mach_task_self(), to);
    RuleTables::TearDown();
  }

  // The right as the target finds it.
  BroughtRight bring(Place place, unsigned disposition, mach_port_t name) const {
    EXPECT_EQ(send_message(message(place, disposition, name, to)), MACH_MSG_SUCCESS);
    return received(place);
  }
  static BroughtRight received(Place place) {
    const ReceivedValues got = target().receive(kPatienceMs);
    EXPECT_EQ(got.code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
    return place == Place::kReply ? got.reply : got.carried;
  }
};

// 04.5: what the receiver has for the port already decides the name and what it is then.
TEST_P(CopyoutTable, EveryRowOfALivePort) {
  struct Row {
    unsigned has;  // received before, by this disposition; 0: nothing
    unsigned disposition;
    bool same_name;
    const char* becomes;
  };
  const Row rows[] = {
      {0, kMakeSend, false, "S1"},         {kMakeOnce, kMakeSend, false, "S1"},
      {kMakeSend, kMakeSend, true, "S2"},  {0, kMakeOnce, false, "SO"},
      {kMakeSend, kMakeOnce, false, "SO"}, {kMakeOnce, kMakeOnce, false, "SO"},
      {0, kMoveReceive, false, "R"},       {kMakeSend, kMoveReceive, true, "R+S1"},
  };
  for (const Row& row : rows) {
    for (const Place place : {Place::kReply, Place::kBody}) {
      if (place == Place::kReply && row.disposition == kMoveReceive) continue;
      SCOPED_TRACE(std::string(disposition_name(row.disposition)) + " after " + disposition_name(row.has));
      const mach_port_t q = new_port();
      const BroughtRight had = row.has != 0 ? bring(Place::kBody, row.has, q) : BroughtRight{};
      const BroughtRight right = bring(place, row.disposition, q);
      EXPECT_EQ(right.name == had.name, row.same_name);
      EXPECT_EQ(state_of(right), row.becomes);
      mach_port_destroy(mach_task_self(), q);
    }
  }
}

// 04.5: the same where the receiver has the receive right.
TEST_P(CopyoutTable, RightsForAPortOfTheReceiver) {
  for (const Place place : {Place::kReply, Place::kBody}) {
    const mach_port_t fresh = target().new_port();
    mach_port_destroy(mach_task_self(), std::exchange(to, fresh));
    EXPECT_EQ(state_of(bring(place, kCopySend, to)), "R+S1");
    EXPECT_EQ(state_of(bring(place, kCopySend, to)), "R+S2");
    EXPECT_EQ(state_of(bring(place, kMoveOnce, target().send_once_right())), "SO");
  }
}

// 04.5, 04.9: a port that died on the way is DEAD and no entry; the type stays.
TEST_P(CopyoutTable, ADeadPortIsNoEntry) {
  for (const unsigned disposition : {kMakeSend, kMakeOnce}) {
    for (const Place place : {Place::kReply, Place::kBody}) {
      const mach_port_t q = new_port();
      EXPECT_EQ(send_message(message(place, disposition, q, to)), MACH_MSG_SUCCESS);
      mach_port_destroy(mach_task_self(), q);
      const BroughtRight right = received(place);
      EXPECT_EQ(right.name, MACH_PORT_DEAD);
      EXPECT_EQ(right.type, received_type(disposition));
      EXPECT_EQ(right.entry, 0U);
    }
  }
}

// 04.5, 01.5: at 65534 the extra right is gone, and no send right is left over.
TEST_P(CopyoutTable, ReferencesStayAtTheirMaximum) {
  const mach_port_t x = home().new_port();
  ASSERT_EQ(mach_port_mod_refs(mach_task_self(), x, MACH_PORT_RIGHT_SEND, 65533), KERN_SUCCESS);
  EXPECT_EQ(home().send_right(), x);
  EXPECT_EQ(state_of(x), "S65534");
  EXPECT_EQ(home().ask(Ask::kStatus).at(1), 1U);
  ASSERT_EQ(mach_port_mod_refs(mach_task_self(), x, MACH_PORT_RIGHT_SEND, -65534), KERN_SUCCESS);
  EXPECT_EQ(home().ask(Ask::kStatus).at(1), 0U);
}

// 04.5: a message that comes back. Its header rights are copied out like those of a body, its types are
// MOVEs.
TEST_P(CopyoutTable, HeaderRightsOfAMessageThatComesBack) {
  struct Row {
    const char* what;
    unsigned destination;  // its entry is S1
    unsigned reply;
    const char* before;  // of the reply name
    const char* after;   // of the reply name that came back
  };
  const Row rows[] = {
      {"merged, and a new send-once name", kCopySend, kMakeOnce, "R", "SO"},
      {"new, and merged with the receive right", kMoveSend, kMakeSend, "R", "R+S1"},
      {"merged with what is left", kCopySend, kMoveSend, "S2", "S2"},
      {"a new name for the only one", kCopySend, kMoveSend, "S1", "S1"},
      {"one more", kCopySend, kCopySend, "S1", "S2"},
      {"a new send-once name", kCopySend, kMoveOnce, "SO", "SO"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    mach_port_t full = target().new_port();
    while (send_message({.remote = full, .remote_type = kCopySend}) == MACH_MSG_SUCCESS) {
    }
    mach_port_mod_refs(mach_task_self(), full, MACH_PORT_RIGHT_SEND, -1);  // came back once too often
    RightsScene scene(home(), row.before);
    const ReceivedMessage back = send_for_result(
        {.remote = full, .remote_type = row.destination, .local = scene.x, .local_type = row.reply});
    EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
    EXPECT_EQ(MACH_MSGH_BITS_PORTS(back.header.msgh_bits), MACH_MSGH_BITS(17U, received_type(row.reply)));
    EXPECT_EQ(state_of(back.header.msgh_remote_port), row.destination == kCopySend ? "S2" : "S1");
    EXPECT_EQ(state_of(back.header.msgh_local_port), row.after);
    for (const mach_port_t name : {back.header.msgh_remote_port, back.header.msgh_local_port, full})
      mach_port_destroy(mach_task_self(), name);
  }
}

// ---------------------------------------------------------------- 04 §6

class DestinationTable : public CopyoutTable {};

// 04.6: with the receive right here the field is its name, and the right is used up without a word.
TEST_P(DestinationTable, TheReceiversNameAndAQuietEnd) {
  EXPECT_EQ(send_message({.remote = to, .remote_type = kMoveSend}), MACH_MSG_SUCCESS);
  EXPECT_EQ(target().ask(Ask::kStatus).at(1), 1U) << "the message is a sender";
  EXPECT_EQ(target().receive(kPatienceMs).local_is, kFieldP);
  EXPECT_EQ(target().ask(Ask::kStatus).at(1), 0U);

  EXPECT_EQ(send_message({.remote = target().send_once_right(), .remote_type = kMoveOnce}), MACH_MSG_SUCCESS);
  EXPECT_EQ(target().receive(kPatienceMs).local_is, kFieldP);
  EXPECT_EQ(target().ask(Ask::kStatus).at(2), 0U);
  EXPECT_EQ(target().receive(0).code, static_cast<std::uint32_t>(MACH_RCV_TIMED_OUT))
      << "no send-once notification";
}

// 04.6, 03.24: the last send right is in a queued message; no-senders comes with its receipt.
TEST_P(DestinationTable, NoSendersComesWithTheReceipt) {
  const mach_port_t q = new_port();
  const mach_port_t notify = new_port();
  mach_port_t previous = MACH_PORT_NULL;
  mach_port_insert_right(mach_task_self(), q, q, kMakeSend);
  ASSERT_EQ(mach_port_request_notification(mach_task_self(), q, MACH_NOTIFY_NO_SENDERS, 0, notify, kMakeOnce,
                                           &previous),
            KERN_SUCCESS);
  EXPECT_EQ(send_message({.remote = q, .remote_type = kMoveSend}), MACH_MSG_SUCCESS);
  EXPECT_EQ(receive_message(notify).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(receive_message(q).header.msgh_local_port, q);
  const ReceivedMessage told = receive_message(notify);
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(told.values.at(0), 1U);
  for (const mach_port_t name : {q, notify}) mach_port_destroy(mach_task_self(), name);
}

// 04.6, A16: the receive right moves with the message in its queue. Dequeue and copyout are one step here,
// so nobody sees NULL: the new holder gets the message, under its own name.
TEST_P(DestinationTable, AMovedReceiveRightIsServedByItsNewHolder) {
  const mach_port_t q = new_port();
  mach_port_t once = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  ASSERT_EQ(mach_port_extract_right(mach_task_self(), q, kMakeOnce, &once, &type), KERN_SUCCESS);
  EXPECT_EQ(send_message({.remote = once, .remote_type = kMoveOnce, .id = 16}), MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(bring(Place::kBody, kMoveReceive, q)), "R");
  target().ask(Ask::kAdopt);
  const ReceivedValues got = target().receive(kPatienceMs);
  EXPECT_EQ(got.id, 16U);
  EXPECT_EQ(got.local_is, kFieldP);
  EXPECT_EQ(target().receive(0).code, static_cast<std::uint32_t>(MACH_RCV_TIMED_OUT)) << "used up by it";
}

const auto everywhere = testing::Values(Where::kSameHost, Where::kOtherHost, Where::kTwoOthers);
INSTANTIATE_TEST_SUITE_P(Servers, CopyinTable, everywhere, name_of);
INSTANTIATE_TEST_SUITE_P(Servers, HeaderOrder, everywhere, name_of);
INSTANTIATE_TEST_SUITE_P(Servers, CopyoutTable, everywhere, name_of);
INSTANTIATE_TEST_SUITE_P(Servers, DestinationTable, everywhere, name_of);

}  // namespace
}  // namespace netmsg::test
