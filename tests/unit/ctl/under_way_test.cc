// SPDX-License-Identifier: Apache-2.0
// What of a port is on its way, in words: nothing for one that is at rest.
#include "daemon/ctl/under_way.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netmsg::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void set_path(v1::OldPath& path, const std::string& holder, bool closing) {
  path.set_holder(holder);
  path.set_node_id("9");
  path.set_closing(closing);
  path.set_send(2);
}

TEST(UnderWay, SaysNothingOfAPortAtRest) {
  EXPECT_THAT(under_way(v1::PortView()), IsEmpty());
}

TEST(UnderWay, TellsWhereAnOldHomeSendsOnAndForWhom) {
  v1::PortView view;
  view.mutable_stub()->set_target("z");
  set_path(*view.mutable_stub()->add_paths(), "x", false);
  set_path(*view.mutable_stub()->add_paths(), "w", true);
  EXPECT_THAT(under_way(view),
              ElementsAre(HasSubstr("gone to host z, which has not said"), HasSubstr("host x still sends"),
                          HasSubstr("host w has followed")));
}

TEST(UnderWay, TellsForWhomANewHomeWaits) {
  v1::PortView view;
  view.mutable_undrained()->set_from("y");
  set_path(*view.mutable_undrained()->add_paths(), "", false);
  view.mutable_undrained()->mutable_paths(0)->set_held(3);
  EXPECT_THAT(under_way(view),
              ElementsAre(testing::AllOf(HasSubstr("host 9 may still send for it by host y"),
                                         HasSubstr("2 send and 0 send-once"), HasSubstr("3 messages"))));
}

TEST(UnderWay, TellsWhoWaitsForTheQueueThatHasComeAlong) {
  v1::PortView view;
  view.mutable_undrained()->set_from("y");
  view.mutable_undrained()->set_held(2);
  EXPECT_THAT(under_way(view), ElementsAre(HasSubstr("2 messages wait for the queue")));
}

TEST(UnderWay, TellsOfRightsAndMessagesThatWait) {
  v1::PortView view;
  view.add_parked()->set_peer("x");
  view.mutable_parked(0)->set_messages(4);
  view.set_awaited(1);
  view.set_unmatched(2);
  EXPECT_THAT(under_way(view),
              ElementsAre(HasSubstr("4 messages of host x"), HasSubstr("1 rights"), HasSubstr("2 units")));
}

}  // namespace
}  // namespace netmsg::ctl
