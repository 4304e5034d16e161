// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/whole_view.h"

#include <gtest/gtest.h>

namespace netmsg::ctl {
namespace {

v1::PortView view(const std::string& node, v1::PortView::State state) {
  v1::PortView made;
  made.set_node_id(node);
  made.set_state(state);
  made.set_uid("1.1.7");
  return made;
}

v1::PeerHolding& peer(v1::PortView& of, const std::string& node, std::uint64_t granted,
                      std::uint64_t received) {
  v1::PeerHolding& made = *of.add_peers();
  made.set_peer("host " + node);
  made.set_node_id(node);
  made.set_granted(granted);
  made.set_received(received);
  return made;
}

// Host 1 is home, 2 has two units.
class WholeView : public testing::Test {
 protected:
  WholeView() : views{view("1", v1::PortView::HOME), view("2", v1::PortView::PROXY)} {
    peer(views[0], "2", 2, 0);
    peer(views[1], "1", 0, 2);
  }
  Views views;
  const std::vector<std::string> both{"1", "2"};
};

TEST_F(WholeView, IsAtRestWhenBothSidesCountTheSame) {
  EXPECT_TRUE(at_rest(views, both));
}

TEST_F(WholeView, MovesWhileOneSideCountsAUnitTheOtherHasNot) {
  views[1].mutable_peers(0)->set_received(1);
  EXPECT_FALSE(at_rest(views, both));
}

TEST_F(WholeView, MovesWhileFramesAreNotAcknowledged) {
  views[0].mutable_peers(0)->set_unacknowledged(1);
  EXPECT_FALSE(at_rest(views, both));
}

TEST_F(WholeView, MovesWhileSendOnceRightsAreCountedOnOneSideOnly) {
  views[0].mutable_peers(0)->set_send_once(1);
  EXPECT_FALSE(at_rest(views, both));
}

TEST_F(WholeView, MovesWhileTwoDaemonsThinkTheyAreHome) {
  views[1].set_state(v1::PortView::HOME);
  EXPECT_FALSE(at_rest(views, both));
}

TEST_F(WholeView, MovesWhileAHolderWhoWasAskedKnowsNothing) {
  views.pop_back();
  EXPECT_FALSE(at_rest(views, both));
  EXPECT_TRUE(at_rest(views, {"1"})) << "who was not asked cannot contradict";
}

TEST_F(WholeView, MovesWhileThePortIsOnItsWayBetweenHomes) {
  views[1].mutable_stub();
  EXPECT_FALSE(at_rest(views, both));
  views[1].clear_stub();
  views[0].mutable_undrained();
  EXPECT_FALSE(at_rest(views, both));
}

TEST_F(WholeView, MovesWhileARightWaitsToBeSettled) {
  for (void (v1::PortView::*set)(std::uint32_t) : {&v1::PortView::set_awaited, &v1::PortView::set_unmatched,
                                                   &v1::PortView::set_kept, &v1::PortView::set_held_back}) {
    (views[1].*set)(1);
    EXPECT_FALSE(at_rest(views, both));
    (views[1].*set)(0);
  }
  views[0].add_parked()->set_messages(1);
  EXPECT_FALSE(at_rest(views, both));
}

TEST_F(WholeView, NamesTheHoldersThatTheOldHomeWaitsFor) {
  v1::OldPath& path = *views[1].mutable_stub()->add_paths();
  path.set_holder("host 4");
  path.set_node_id("4");
  const v1::WhyReply whole = whole_view(views, both, true);
  ASSERT_EQ(whole.not_asked_size(), 1);
  EXPECT_EQ(whole.not_asked(0), "host 4");
}

TEST_F(WholeView, NamesTheHostsThatWereNotAsked) {
  peer(views[0], "3", 1, 0);
  const v1::WhyReply whole = whole_view(views, both, false);
  ASSERT_EQ(whole.not_asked_size(), 1);
  EXPECT_EQ(whole.not_asked(0), "host 3");
  EXPECT_EQ(whole.uid(), "1.1.7");
  EXPECT_EQ(whole.hosts_size(), 2);
}

}  // namespace
}  // namespace netmsg::ctl
