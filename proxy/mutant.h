// SPDX-License-Identifier: Apache-2.0
// Rules of the protocol that a simulation can switch off, one at a time, to show that it would notice (tests/sim,
// which builds these sources a second time with NETMSG_PROXY_MUTANTS). In the library every rule is in force: broken()
// is constant false and leaves no code.
#pragma once

namespace netmsg::proxy {

enum class Rule {
  kNone,
  kCountEachUnit,
  kGrantEachUnit,
  kReleaseOnce,
  kReleaseAtAll,
  kReleaseWhatCame,
  kReleaseAfterUse,
  kOnceArrives,
  kOnceIsUsedUp,
  kOnceGoesHomeSilently,
  kOnceOutlivesTheHolder,
  kAppendedIsGone,
  kAcceptedIsTold,
  kDiedIsTold,
  kDiedIsApplied,
  kSerialsAreNew,
  kRefusedIsSettled,
  kOverdrawnIsSettled,
  kRoomIsTold,
  kRoomWithUnits,
  kFlightIsCounted,
  kFrameOnce,
  kAckWhatIsApplied,
  kResumeFromApplied,
  kResumeAfterApplied,
  kIncarnationsGrow,
  kHeaderAndBodyTogether,
  kLaterOnesWait,
  kMovedAfterAck,
  kEmbargo,
  kDrainBeforeMove,
  kCloseAfterWaiting,
  kCloseAlways,
  kStubKeepsAUnit,
  kOnceIsHanded,
  kReleaseIsSentOn,
  kQueueGoesAlong,
  kLostPathIsTold,
  kFollowWaits,
  kLostIsAsked,
  kResyncIsApplied,
  kAnswerIsFinal,
  kCirclesAreSought,
  kCirclesTwice,
  kIntroducerAsksHome,
  kGrantThenRelease,
  kGrantTransfersOnce,
  kUnsettledWaits,
  kParkedKeepsOrder,
  kUnmatchedIsReleased,
  kAwaitedAsks,
  kClaimByTheMark,
  kFailureSettles,
  kContestWaits,
  kGrantIsSentOn,
  kHintIsNoHome,
  kHeaderInOneStep,
  kRightsWithTheMessage,
  kDataIsWhole,
  kAcceptedWhenItLeaves,
  kParkedHoldThePort,
  kHomeComesFromHome,
  kLostPathIsLost,
  kWindowIsTheHomes,
  kRequestsGoAlong,
};

#ifdef NETMSG_PROXY_MUTANTS
extern Rule broken_rule;  // set before a world is made
inline bool broken(Rule rule) {
  return broken_rule == rule;
}
#else
constexpr bool broken(Rule) {
  return false;
}
#endif

}  // namespace netmsg::proxy
