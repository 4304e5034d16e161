// SPDX-License-Identifier: Apache-2.0
// What a daemon holds of our ports while its session, or its message, has not come: UNMATCHED, KEPT, and the units in
// EXPORTS, each a right in our own books.
#include "proxy/units.h"

#include <gtest/gtest.h>

#include "daemon/ipc/port.h"
#include "proxy/exports.h"
#include "proxy/kept_units.h"
#include "proxy/unmatched.h"
#include "tests/support/engine_world.h"

namespace netmsg::proxy {
namespace {

using ipc::SendOnceRight;
using ipc::SendRight;
using std::chrono::seconds;

Origin origin(unsigned char node, Incarnation incarnation = 1) {
  Origin made;
  made.node.bytes.fill(node);
  made.incarnation = incarnation;
  return made;
}

class OnePort : public testing::Test {
 protected:
  ipc::CarriedRight right() { return ipc::CarriedRight(SendRight::mint(port)); }

  test::World world;
  test::Task& task = world.task();
  ipc::Port& port = *world.engine.copy_send(task.space(), task.port()).value().port();
  const ipc::Event event{world.engine};
  const std::uint32_t before = port.srights();
};

// --- UNMATCHED ---

class UnmatchedUnits : public OnePort {
 protected:
  ~UnmatchedUnits() override { units.take_all(); }

  bool add(std::uint64_t nonce, PeerIndex home = 1, std::uint64_t session = 9, seconds until = seconds(10)) {
    UnmatchedUnit unit{{origin(2), nonce}, right(), home, introducer, session, base::Instant(until)};
    return units.add({introducer, nonce}, unit);
  }

  const Origin introducer = origin(1);
  Unmatched units;
};

TEST_F(UnmatchedUnits, IsARightThatGoesWhenItIsDropped) {
  EXPECT_TRUE(add(1));
  EXPECT_EQ(port.srights(), before + 1);
  EXPECT_TRUE(units.take({introducer, 1}, {origin(2), 1}, ipc::RightType::kSend));
  EXPECT_EQ(port.srights(), before);
}

TEST_F(UnmatchedUnits, ASecondOneOfAnIdAndHomeIsNotTaken) {
  EXPECT_TRUE(add(1));
  EXPECT_FALSE(add(1));
  EXPECT_TRUE(add(1, 2));
  EXPECT_EQ(units.asked_by(introducer, false, 1), 1U);
  EXPECT_EQ(units.asked_by(introducer, false, 2), 1U);
}

// Anybody can say that something is for an introduction.
TEST_F(UnmatchedUnits, AreForTheRightThatTheyAreAUnitOf) {
  add(1);
  EXPECT_FALSE(units.take({introducer, 1}, {origin(2), 2}, ipc::RightType::kSend));
  EXPECT_FALSE(units.take({introducer, 1}, {origin(2), 1}, ipc::RightType::kSendOnce));
  EXPECT_FALSE(units.take({introducer, 2}, {origin(2), 1}, ipc::RightType::kSend));
  EXPECT_EQ(units.from_home(1), 1U);
}

TEST_F(UnmatchedUnits, GoWithTheSessionOfTheirIntroducerOrWithTheirHome) {
  add(1, 1, 9);
  add(2, 1, 8);
  add(3, 2, 8);
  EXPECT_EQ(units.take_session(introducer, 7).size(), 0U);
  EXPECT_EQ(units.take_session(origin(5), 9).size(), 0U);
  EXPECT_EQ(units.take_session(introducer, 9).size(), 1U);
  EXPECT_EQ(units.from_home(1), 1U);
  EXPECT_EQ(units.take_home(1).size(), 1U);
  EXPECT_EQ(units.asked_by(introducer, false, 2), 1U);
}

TEST_F(UnmatchedUnits, GoWhenTheirTimeIsOver) {
  add(1, 1, 9, seconds(10));
  add(2, 1, 9, seconds(12));
  EXPECT_EQ(units.next_deadline(), base::Instant(seconds(10)));
  EXPECT_EQ(units.take_late(base::Instant(seconds(10))).size(), 1U);
  EXPECT_EQ(units.next_deadline(), base::Instant(seconds(12)));
}

// --- KEPT ---

class UnitsThatAreKept : public OnePort {
 protected:
  ~UnitsThatAreKept() override { units.take_all(); }

  void keep(const Origin& to, PeerIndex by, seconds until = seconds(5)) {
    KeptUnit unit;
    unit.petition.to = to;
    unit.petition.by = by;
    unit.right = right();
    unit.until = base::Instant(until);
    units.keep(std::move(unit));
  }

  KeptUnits units;
};

TEST_F(UnitsThatAreKept, AreThoseOfTheirNodeInWhateverIncarnation) {
  keep(origin(3, 1), 1);
  keep(origin(4, 1), 1);
  keep(origin(3, 2), 2);
  EXPECT_EQ(units.by(1), 2U);
  EXPECT_EQ(units.take_for(origin(3).node).size(), 2U);
  EXPECT_EQ(units.size(), 1U);
  EXPECT_EQ(port.srights(), before + 1) << "those that were taken are gone";
}

TEST_F(UnitsThatAreKept, AreGivenUpAfterTheirTime) {
  keep(origin(3), 1, seconds(5));
  keep(origin(3), 1, seconds(4));
  EXPECT_EQ(units.next_deadline(), base::Instant(seconds(4)));
  EXPECT_EQ(units.take_late(base::Instant(seconds(4))).size(), 1U);
  EXPECT_EQ(units.take_late(base::Instant(seconds(5))).size(), 1U);
  EXPECT_FALSE(units.next_deadline());
}

// --- EXPORTS ---

class ExportedUnits : public OnePort {
 protected:
  ~ExportedUnits() override { exports.drop_all(); }

  Registry registry{origin(1)};
  Exports exports{registry, 0};
  const PortUid uid = exports.grant(SendRight::mint(port));
};

TEST_F(ExportedUnits, AreOneRightHoweverMany) {
  EXPECT_EQ(exports.grant(SendRight::mint(port)), uid);
  EXPECT_EQ(port.srights(), before + 1);
  EXPECT_TRUE(exports.release(uid, 1));
  EXPECT_EQ(port.srights(), before + 1);
  EXPECT_TRUE(exports.release(uid, 1));
  EXPECT_EQ(port.srights(), before);
  EXPECT_FALSE(exports.holds(uid));
}

TEST_F(ExportedUnits, MoreThanThereAreCannotBeGivenBack) {
  EXPECT_FALSE(exports.release(uid, 2));
  EXPECT_FALSE(exports.release(uid, ~std::uint64_t{0}));
  EXPECT_TRUE(exports.holds(uid));
  EXPECT_TRUE(exports.release({origin(9), 4}, 1)) << "one that is not known has died";
}

TEST_F(ExportedUnits, ASendUnitIsUsedAgainAndASendOnceUnitIsNot) {
  EXPECT_TRUE(exports.use(uid));
  EXPECT_TRUE(exports.use(uid));
  EXPECT_FALSE(exports.use_once(uid)) << "of that kind there is none";
  exports.grant_once(SendOnceRight::mint(port));
  SendOnceRight once = exports.use_once(uid);
  EXPECT_TRUE(once);
  EXPECT_FALSE(exports.use_once(uid));
  once.consume();
}

TEST_F(ExportedUnits, NobodyUsesWhatHeHasNoUnitOf) {
  EXPECT_FALSE(exports.use({origin(1), uid.serial + 1}));
  EXPECT_FALSE(exports.use({origin(2), uid.serial}));
}

TEST_F(ExportedUnits, GoToAnotherHomeWithoutAWord) {
  exports.grant_once(SendOnceRight::mint(port));
  const std::uint32_t queued = port.msgcount;
  Units taken = exports.take(uid);
  EXPECT_EQ(taken.granted, 1U);
  EXPECT_EQ(taken.once.size(), 1U);
  EXPECT_EQ(exports.send_once_units(), 0U);
  registry.unshare(uid, 0);
  taken.go();
  EXPECT_EQ(port.msgcount, queued) << "no send-once notification";
}

}  // namespace
}  // namespace netmsg::proxy
