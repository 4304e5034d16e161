// SPDX-License-Identifier: Apache-2.0
// A cut at every point of a conversation: after each single event of the two hosts, with and without loss of what is
// under way, resumed or fenced. Each message arrives at most once, each right ends exactly once (04 A30, A34).
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

constexpr mach_msg_id_t kMessages = 3;
constexpr mach_msg_id_t kAnswer = 500;
constexpr int kRounds = 60;  // of 50 ms

struct Cut {
  int after;    // so many events
  bool lose;    // what is under way
  bool fenced;  // the hosts stay apart for a lease
};

// Requests from a, each with a reply right, a send right for a port that waits for no-senders, and a send-once right
// more; b answers each, and lets go of what it brought.
class Conversation : public TwoHosts {
 public:
  // Whether the cut came before the end.
  bool play(const Cut& cut) {
    for (mach_msg_id_t id = 0; id < kMessages; ++id) ask(id);
    int events = 0;
    bool has_cut = false;
    do {
      serve();
      if (!has_cut && events++ == cut.after) {
        has_cut = true;
        rounds = 0;
        apply(cut);
      }
    } while (go_on());
    return has_cut;
  }

  void check_end(const Cut& cut) {
    EXPECT_TRUE(a.open() && b.open());
    const unsigned answers = drain_answers();
    EXPECT_EQ(answers + notifications, 2U * kMessages) << "each send-once right, exactly once";
    for (const Name gift : gifts) EXPECT_EQ(client.drain(gift, MACH_NOTIFY_NO_SENDERS), 1U);
    if (!cut.fenced) {
      EXPECT_EQ(received, kMessages);
      EXPECT_EQ(answers, static_cast<unsigned>(kMessages));
      EXPECT_EQ(client.state(x), "S1");
    }
    EXPECT_LE(answers, static_cast<unsigned>(received));
    EXPECT_EQ(a.row().exports + b.row().proxies, 2U) << "only the name service's";
    EXPECT_EQ(a.row().send_once_units, 0U);
  }

 private:
  void TestBody() override {}

  void ask(mach_msg_id_t id) {
    const Name gift = gifts.emplace_back(client.port());
    EXPECT_EQ(client.request(gift, MACH_NOTIFY_NO_SENDERS, gift, 1), KERN_SUCCESS);
    EXPECT_EQ(client.send({.remote = x,
                           .remote_type = kCopySend,
                           .local = reply,
                           .local_type = kMakeOnce,
                           .id = id,
                           .items = {rights(kMakeSend, {gift}), rights(kMakeOnce, {reply})}}),
              MACH_MSG_SUCCESS);
  }

  void serve() {
    for (Received got = server.receive(r); got.code == MACH_MSG_SUCCESS; got = server.receive(r)) {
      EXPECT_EQ(got.header.msgh_id, received++) << "in order, none twice, none left out";
      const Name to = got.header.msgh_remote_port;
      if (to != MACH_PORT_DEAD && server.send({.remote = to, .remote_type = kMoveOnce, .id = kAnswer}) != 0)
        server.deallocate(to);
      for (const std::uint32_t name : got.values) {
        if (name != MACH_PORT_DEAD) server.deallocate(name);
      }
    }
  }

  void apply(const Cut& cut) { cut.fenced ? part(cut.lose) : network.cut(cut.lose); }

  // One event; when there is none, some time passes, as long as there is any left.
  bool go_on() {
    while (!network.step()) {
      if (rounds++ == kRounds) return false;
      advance(milliseconds(50));
    }
    return true;
  }

  unsigned drain_answers() {
    unsigned answers = 0;
    for (Received got = client.receive(reply); got.code == MACH_MSG_SUCCESS; got = client.receive(reply)) {
      ++(got.header.msgh_id == kAnswer ? answers : notifications);
    }
    return answers;
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
  const Name reply = client.port();
  std::vector<Name> gifts;
  mach_msg_id_t received = 0;
  unsigned notifications = 0;
  int rounds = 0;
};

void cut_everywhere(bool lose, bool fenced) {
  bool has_cut = true;
  int after = 0;
  for (; has_cut && !testing::Test::HasFailure(); ++after) {
    SCOPED_TRACE(after);
    const Cut cut{after, lose, fenced};
    Conversation conversation;
    has_cut = conversation.play(cut);
    conversation.check_end(cut);
  }
  EXPECT_GT(after, 10) << "the conversation has points to cut at";
}

TEST(CutPoints, ResumedWithNothingLost) {
  cut_everywhere(false, false);
}

TEST(CutPoints, ResumedWithWhatWasUnderWayLost) {
  cut_everywhere(true, false);
}

TEST(CutPoints, FencedWithNothingLost) {
  cut_everywhere(false, true);
}

TEST(CutPoints, FencedWithWhatWasUnderWayLost) {
  cut_everywhere(true, true);
}

}  // namespace
}  // namespace netmsg::test
