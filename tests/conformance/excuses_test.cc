// SPDX-License-Identifier: Apache-2.0
// Each excuse is given where its rule applies, and only there: the same recording, once as a GNU Mach kernel made it and
// then with the same difference from us but without what the rule presupposes.
#include "tests/conformance/excuses.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/conformance/engine_backend.h"
#include "tests/conformance/replay.h"

namespace netmsg::conformance {
namespace {

class ExcuseRules : public ::testing::Test {
 protected:
  void between_hosts() { hosts_ = 2; }
  // Lines of operations, numbered here. `status` stands for a state without messages and rights.
  void record(std::string_view lines) { lines_ += lines; }

  // The status of a receive right, with one word of it changed.
  static std::string status(const std::string& before = "", const std::string& after = "") {
    std::string text =
        " seqno=0 mscount=0 qlimit=5 msgcount=0 sorights=0 srights=0 pdrequest=0 nsrequest=0 pset=-";
    if (!before.empty()) text.replace(text.find(before), before.size(), after);
    return text;
  }

  Outcome replayed() const {
    const auto parsed =
        parse_trace("@format mach-ipc-trace 1\n@cases 1\n@case some/case\n" + lines_ + "@end\n");
    if (const auto* error = std::get_if<TraceError>(&parsed)) {
      ADD_FAILURE() << "line " << error->line << ": " << error->what;
      return {};
    }
    EngineBackend backend(hosts_, true);
    return replay(std::get<Trace>(parsed).cases.at(0), backend);
  }

  // The section that excuses it.
  void excused_by(std::string_view section) const {
    const Outcome outcome = replayed();
    EXPECT_FALSE(outcome.difference) << outcome.difference->operation << ": " << outcome.difference->what;
    ASSERT_FALSE(outcome.excuses.empty());
    EXPECT_EQ(outcome.excuses.front().section, section);
  }
  void differs_at(std::uint32_t operation) const {
    const Outcome outcome = replayed();
    ASSERT_TRUE(outcome.difference);
    EXPECT_EQ(outcome.difference->operation, operation) << outcome.difference->what;
  }
  void with(std::string_view before, std::string_view after) {
    const std::size_t at = lines_.rfind(before);
    ASSERT_NE(at, std::string::npos) << before;
    lines_.replace(at, before.size(), after);
  }

 private:
  std::string lines_;
  unsigned hosts_ = 1;
};

// ---------------------------------------------------------------- section 1

class BlockedSenders : public ExcuseRules {
 protected:
  BlockedSenders() {
    const std::string qlimit = status("qlimit=5", "qlimit=0");
    const auto waits = [](const std::string& mscount) {
      return " seqno=0 mscount=" + mscount +
             " qlimit=0 msgcount=0 sorights=0 srights=1 pdrequest=0 nsrequest=0 pset=-\n";
    };
    record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + status() + "\n");
    record("2 set_qlimit t0 p1 0\n > KERN_SUCCESS\n = t0:p1 RECEIVE:1" + qlimit + "\n");
    record(
        "3 extract t1 p1 MAKE_SEND on=t0\n > KERN_SUCCESS\n > right=SEND:p1\n = t1:p1 SEND:1\n = t0:p1 "
        "RECEIVE:1" +
        waits("1"));
    record("4 start t0b send R=MAKE_SEND:p1 L=NONE:NULL id=301\n > blocked\n = t0:p1 RECEIVE:1" + waits("2"));
    record("5 start t1b send R=COPY_SEND:p1 L=NONE:NULL id=302\n > blocked\n");
    record(
        "6 set_qlimit t0 p1 2\n > KERN_SUCCESS\n = t0:p1 RECEIVE:1 seqno=0 mscount=2 qlimit=2 msgcount=2 "
        "sorights=0"
        " srights=1 pdrequest=0 nsrequest=0 pset=-\n");
    record(
        "7 recv t0 p1 opt=RCV_TIMEOUT to=0\n > MACH_MSG_SUCCESS\n M R=NONE:NULL L=SEND:p1 seqno=0 id=302 "
        "cx=0\n");
  }
};

TEST_F(BlockedSenders, MayBeServedInTheOtherOrder) {
  excused_by("1, deviation 1");
}

TEST_F(BlockedSenders, TheirMessagesAndNoOthers) {
  with("id=302 cx=0", "id=303 cx=0");
  differs_at(7);
}

TEST_F(ExcuseRules, MessagesOfSendersThatNeverBlockedComeInOrder) {
  record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + status() + "\n");
  for (const std::string number : {"2", "3"}) {
    record(number + " send t0 R=MAKE_SEND_ONCE:p1 L=NONE:NULL id=30" + number +
           "\n > MACH_MSG_SUCCESS\n = t0:p1 RECEIVE:1 seqno=0 mscount=0 qlimit=5 msgcount=" +
           (number == "2" ? "1 sorights=1" : "2 sorights=2") + " srights=0 pdrequest=0 nsrequest=0 pset=-\n");
  }
  record(
      "4 recv t0 p1 opt=RCV_TIMEOUT to=0\n > MACH_MSG_SUCCESS\n M R=NONE:NULL L=SEND_ONCE:p1 seqno=0 id=303 "
      "cx=0\n");
  differs_at(4);
}

class PhantomRight : public ExcuseRules {
 protected:
  PhantomRight() {
    record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + status() + "\n");
    record("2 alloc t0 RECEIVE\n > KERN_SUCCESS name=p2\n = t0:p2 RECEIVE:1" + status() + "\n");
    record(
        "3 insert t0 p1 MAKE_SEND:p1\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1+SEND:1 seqno=0 mscount=1 "
        "qlimit=5"
        " msgcount=0 sorights=0 srights=1 pdrequest=0 nsrequest=0 pset=-\n");
    record(
        "4 req_notify t0 p1 PORT_DESTROYED 0 MAKE_SEND_ONCE:p2\n > KERN_SUCCESS\n > previous=NULL\n"
        " = t0:p1 RECEIVE:1+SEND:1 seqno=0 mscount=1 qlimit=5 msgcount=0 sorights=0 srights=1 pdrequest=1 "
        "nsrequest=0"
        " pset=-\n = t0:p2 RECEIVE:1" +
        status("sorights=0", "sorights=1") + "\n");
    record("5 mod_refs t0 p1 RECEIVE -1\n > KERN_SUCCESS\n = t0:p1 DEAD_NAME:1\n = t0:p2 RECEIVE:1" +
           status("msgcount=0 sorights=0", "msgcount=1 sorights=1") + "\n");
  }
};

TEST_F(PhantomRight, IsNotLeftBehind) {
  excused_by("1, deviation 2");
}

TEST_F(PhantomRight, ExcusesNoOtherCount) {
  with("DEAD_NAME:1", "DEAD_NAME:2");
  differs_at(5);
}

TEST_F(PhantomRight, ExcusesNothingElseInTheSameOperation) {
  with("msgcount=1 sorights=1", "msgcount=2 sorights=1");
  differs_at(5);
}

TEST_F(PhantomRight, ExcusesNoOtherCall) {
  with("mod_refs t0 p1 RECEIVE -1", "destroy t0 p1");
  differs_at(5);
}

// Two dead-name requests; the ports die by one operation or by two.
class DeathNotices : public ExcuseRules {
 protected:
  static std::string sorights(int count, int messages = 0) {
    return " seqno=0 mscount=0 qlimit=5 msgcount=" + std::to_string(messages) +
           " sorights=" + std::to_string(count) + " srights=0 pdrequest=0 nsrequest=0 pset=-\n";
  }
  DeathNotices() {
    record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + sorights(0));
    record("2 alloc t1 RECEIVE\n > KERN_SUCCESS name=p1\n = t1:p1 RECEIVE:1" + sorights(0));
    record("3 alloc t1 RECEIVE\n > KERN_SUCCESS name=p2\n = t1:p2 RECEIVE:1" + sorights(0));
  }
  void request(const std::string& port, int rights) {
    record(
        "4 extract t0 p1 MAKE_SEND_ONCE on=t1\n > KERN_SUCCESS\n > right=SEND_ONCE:p2\n = t0:p2 SEND_ONCE:1\n"
        " = t1:p1 RECEIVE:1" +
        sorights(1));
    record("5 extract t0 " + port +
           " MAKE_SEND_ONCE on=t1\n > KERN_SUCCESS\n > right=SEND_ONCE:p3\n"
           " = t0:p3 SEND_ONCE:1\n = t1:" +
           port + " RECEIVE:1" + sorights(rights));
    record(
        "6 req_notify t0 p2 DEAD_NAME 0 MAKE_SEND_ONCE:p1\n > KERN_SUCCESS\n > previous=NULL\n"
        " = t0:p1 RECEIVE:1" +
        sorights(1) + " = t0:p2 SEND_ONCE:1 DNREQUEST\n");
    record(
        "7 req_notify t0 p3 DEAD_NAME 0 MAKE_SEND_ONCE:p1\n > KERN_SUCCESS\n > previous=NULL\n"
        " = t0:p1 RECEIVE:1" +
        sorights(2) + " = t0:p3 SEND_ONCE:1 DNREQUEST\n");
  }
  void receive(const std::string& number, const std::string& name, const std::string& seqno) {
    record(number +
           " recv t0 p1 opt=RCV_TIMEOUT to=0\n > MACH_MSG_SUCCESS\n M R=NONE:NULL L=SEND_ONCE:p1 seqno=" +
           seqno + " id=72 cx=0 N:" + name + "\n = t0:p1 RECEIVE:1 seqno=" + (seqno == "0" ? "1" : "2") +
           " mscount=0 qlimit=5 msgcount=" + (seqno == "0" ? "1 sorights=1" : "0 sorights=0") +
           " srights=0 pdrequest=0 nsrequest=0 pset=-\n");
  }
};

TEST_F(DeathNotices, OfOneDeathMayComeInTheOrderOfRegistration) {
  request("p1", 2);
  record("8 destroy t1 p1\n > KERN_SUCCESS\n = t1:p1 free\n = t0:p1 RECEIVE:1" + sorights(2, 2) +
         " = t0:p2 DEAD_NAME:2\n = t0:p3 DEAD_NAME:2\n");
  receive("9", "p3", "0");
  receive("10", "p2", "1");
  excused_by("1, deviation 5");
}

TEST_F(DeathNotices, ComeOnceForEachName) {
  request("p1", 2);
  record("8 destroy t1 p1\n > KERN_SUCCESS\n = t1:p1 free\n = t0:p1 RECEIVE:1" + sorights(2, 2) +
         " = t0:p2 DEAD_NAME:2\n = t0:p3 DEAD_NAME:2\n");
  receive("9", "p2", "0");
  receive("10", "p2", "1");
  differs_at(10);
}

TEST_F(DeathNotices, OfTwoDeathsComeAsTheyDied) {
  request("p2", 1);
  record("8 destroy t1 p1\n > KERN_SUCCESS\n = t1:p1 free\n = t0:p1 RECEIVE:1" + sorights(2, 1) +
         " = t0:p2 DEAD_NAME:2\n");
  record("9 destroy t1 p2\n > KERN_SUCCESS\n = t1:p2 free\n = t0:p1 RECEIVE:1" + sorights(2, 2) +
         " = t0:p3 DEAD_NAME:2\n");
  receive("10", "p3", "0");
  receive("11", "p2", "1");
  differs_at(10);
}

// ---------------------------------------------------------------- section 2

class Layout : public ExcuseRules {
 protected:
  Layout() { record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + status() + "\n"); }
  // `change` of the status after the send; none: nothing happened to the port.
  void send(const std::string& rest, const std::string& code, const std::string& before = "",
            const std::string& after = "") {
    record("2 send t0 R=MAKE_SEND_ONCE:p1 L=NONE:NULL id=300 " + rest + "\n > " + code + "\n");
    if (!before.empty()) record(" = t0:p1 RECEIVE:1" + status(before, after) + "\n");
  }
  // The send-once right was destroyed with the message.
  void send_destroyed(const std::string& rest, const std::string& code) {
    send(rest, code, "msgcount=0 sorights=0", "msgcount=1 sorights=1");
  }
};

TEST_F(Layout, AnInnerHeaderDoesNotExist) {
  send_destroyed("D:BYTE:8:4:1:long+badhdr cx=1", "MACH_SEND_INVALID_TYPE");
  excused_by("2, long-badhdr");
}

TEST_F(Layout, WhatIsLegalInBothIsNotExcused) {
  send_destroyed("D:BYTE:8:4:1:long cx=1", "MACH_SEND_INVALID_TYPE");
  differs_at(2);
}

TEST_F(Layout, ALengthBeyond32BitsIsTooLong) {
  send_destroyed("P:COPY_SEND:DEAD:long+number0x40000001", "MACH_SEND_INVALID_RIGHT");
  excused_by("2, count.overflow.port");
}

TEST_F(Layout, ALengthWithin32BitsIsAsRecorded) {
  send_destroyed("P:COPY_SEND:DEAD:long+number0x3fffffff", "MACH_SEND_INVALID_RIGHT");
  differs_at(2);
}

TEST_F(Layout, ASizeThatOnlyWeTakeIsReplayedWithOneThatNobodyTakes) {
  send_destroyed("P:COPY_SEND:DEAD:size64", "MACH_SEND_INVALID_TYPE");
  excused_by("2, portsize64");
}

TEST_F(Layout, AMessageShorterThanOurHeaderAloneDoesNothing) {
  send_destroyed("D:BYTE:8:0:1:long cut=8 cx=1", "MACH_SEND_MSG_TOO_SMALL");
  excused_by("2, trunc.longdesc");
}

TEST_F(Layout, AMessageShorterThanBothHeadersIsAsRecorded) {
  send_destroyed("D:BYTE:8:0:1 cut=8 cx=1", "MACH_SEND_MSG_TOO_SMALL");
  differs_at(2);
}

TEST_F(Layout, ADescriptorCannotBeCutInHalf) {
  send_destroyed("D:BYTE:8:0:1:long cut=4 cx=1", "MACH_SEND_MSG_TOO_SMALL");
  excused_by("2, trunc.longdesc4");
}

TEST_F(Layout, AWholeMessageIsNotTooSmall) {
  send_destroyed("D:BYTE:8:0:1:long cx=1", "MACH_SEND_MSG_TOO_SMALL");
  differs_at(2);
}

TEST_F(Layout, MemoryOfAShortDescriptorWasMovedInPart) {
  send_destroyed("D:BYTE:8:5000:1:ool+dealloc P:COPY_SEND:BOGUS", "MACH_SEND_INVALID_RIGHT ool=kept");
  excused_by("2, bodyfail");
}

TEST_F(Layout, MemoryOfALongDescriptorWasMovedWhole) {
  send_destroyed("D:BYTE:8:5000:1:ool+dealloc+long P:COPY_SEND:BOGUS", "MACH_SEND_INVALID_RIGHT ool=kept");
  differs_at(2);
}

TEST_F(Layout, MemoryThatFitsAShortDescriptorWasMovedWhole) {
  send_destroyed("D:BYTE:8:4095:1:ool+dealloc P:COPY_SEND:BOGUS", "MACH_SEND_INVALID_RIGHT ool=kept");
  differs_at(2);
}

// ---------------------------------------------------------------- section 3

class ToldSizes : public ExcuseRules {
 protected:
  ToldSizes() {
    record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + status() + "\n");
    record(
        "2 send t0 R=MAKE_SEND_ONCE:p1 L=NONE:NULL id=300 D:BYTE:8:40:1\n > MACH_MSG_SUCCESS\n = t0:p1 "
        "RECEIVE:1" +
        status("msgcount=0 sorights=0", "msgcount=1 sorights=1") + "\n");
    record(
        "3 recv t0 p1 opt=RCV_TIMEOUT+RCV_LARGE to=0 buf=hdr\n > MACH_RCV_TOO_LARGE\n Z size=notification\n");
    record(
        "4 recv t0 p1 opt=RCV_TIMEOUT to=0\n > MACH_MSG_SUCCESS\n"
        " M R=NONE:NULL L=SEND_ONCE:p1 seqno=0 id=300 cx=0 D:BYTE:8:40:1\n = t0:p1 RECEIVE:1" +
        status("seqno=0", "seqno=1") + "\n");
  }
};

TEST_F(ToldSizes, OfANotificationThatIsNotThere) {
  excused_by("3.1");
}

TEST_F(ToldSizes, OfANotificationThatIsNextMustBeRight) {
  with("id=300 cx=0 D:BYTE:8:40:1", "id=71 cx=0");
  differs_at(3);
}

// ---------------------------------------------------------------- section 4

// A port of t0 with a message from t1 in its queue dies: the reply right in the message is destroyed on t0's host, the
// dead name is on t1's, and t1 hears of both at one port.
class TwoCauses : public ExcuseRules {
 protected:
  TwoCauses() {
    record("1 alloc t0 RECEIVE\n > KERN_SUCCESS name=p1\n = t0:p1 RECEIVE:1" + status() + "\n");
    record("2 extract t1 p1 MAKE_SEND on=t0\n > KERN_SUCCESS\n > right=SEND:p1\n = t0:p1 RECEIVE:1" +
           holds("0", "0") + " = t1:p1 SEND:1\n");
    record("3 alloc t1 RECEIVE\n > KERN_SUCCESS name=p2\n = t1:p2 RECEIVE:1" + status() + "\n");
    record(
        "4 req_notify t1 p1 DEAD_NAME 0 MAKE_SEND_ONCE:p2\n > KERN_SUCCESS\n > previous=NULL\n"
        " = t1:p1 SEND:1 DNREQUEST\n = t1:p2 RECEIVE:1" +
        waits("0", "0", "1"));
    record("5 send t1 R=COPY_SEND:p1 L=MAKE_SEND_ONCE:p2 id=300\n > MACH_MSG_SUCCESS\n = t0:p1 RECEIVE:1" +
           holds("0", "1") + " = t1:p2 RECEIVE:1" + waits("0", "0", "2"));
    record("6 destroy t0 p1\n > KERN_SUCCESS\n = t0:p1 free\n = t1:p1 DEAD_NAME:2\n = t1:p2 RECEIVE:1" +
           waits("0", "2", "2"));
  }
  static std::string holds(const std::string& seqno, const std::string& count) {
    return " seqno=" + seqno + " mscount=1 qlimit=5 msgcount=" + count +
           " sorights=0 srights=1 pdrequest=0 nsrequest=0 pset=-\n";
  }
  static std::string waits(const std::string& seqno, const std::string& count, const std::string& rights) {
    return " seqno=" + seqno + " mscount=0 qlimit=5 msgcount=" + count + " sorights=" + rights +
           " srights=0 pdrequest=0 nsrequest=0 pset=-\n";
  }
  void receive(const std::string& number, const std::string& seqno, const std::string& what,
               const std::string& left) {
    record(number +
           " recv t1 p2 opt=RCV_TIMEOUT to=0\n > MACH_MSG_SUCCESS\n M R=NONE:NULL L=SEND_ONCE:p2 seqno=" +
           seqno + " cx=0 " + what + "\n = t1:p2 RECEIVE:1" +
           waits(std::to_string(std::stoi(seqno) + 1), left, left));
  }
};

TEST_F(TwoCauses, ComeInAnyOrderFromTwoHosts) {
  between_hosts();
  receive("7", "0", "id=71", "1");
  receive("8", "1", "id=72 N:p1", "0");
  excused_by("4.1");
}

TEST_F(TwoCauses, ComeInOrderFromOneHost) {
  receive("7", "0", "id=72 N:p1", "1");
  receive("8", "1", "id=71", "0");
  differs_at(7);
}

TEST_F(TwoCauses, ComeOnceEach) {
  between_hosts();
  receive("7", "0", "id=71", "1");
  receive("8", "1", "id=71", "0");
  differs_at(7);
}

}  // namespace
}  // namespace netmsg::conformance
