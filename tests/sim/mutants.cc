// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/mutants.h"

#include <algorithm>
#include <iterator>

namespace netmsg::proxy {

Rule broken_rule = Rule::kNone;

}  // namespace netmsg::proxy

namespace netmsg::sim {

using proxy::Rule;

namespace {

constexpr Mutant kMutants[] = {
    {Rule::kCountEachUnit, "lost-unit", "a unit for a proxy that is there already is not counted", "none"},
    {Rule::kGrantEachUnit, "uncounted-grant", "the home counts only the first unit that it grants", "none"},
    {Rule::kReleaseOnce, "double-release", "a holder gives its units back twice", "none"},
    {Rule::kReleaseAtAll, "no-release", "a holder keeps its units when nobody needs them", "none"},
    {Rule::kReleaseWhatCame, "release-all",
     "the home takes a Release for all units, not for those that had come", "none"},
    {Rule::kReleaseAfterUse, "early-release",
     "the Release goes out before the message that uses the last right", "none"},
    {Rule::kOnceArrives, "lost-send-once", "a send-once right arrives dead", "none"},
    {Rule::kOnceIsUsedUp, "doubled-send-once", "a send-once unit stays at the peer when it is used", "none"},
    {Rule::kOnceGoesHomeSilently, "unexpected-notification",
     "a send-once right that goes home sends its notification too", "none"},
    {Rule::kOnceOutlivesTheHolder, "silent-fence",
     "a fence uses send-once units up without their notifications", "cuts"},
    {Rule::kAppendedIsGone, "acts-on-appended",
     "the sender gives a granted unit back when its frame is appended", "none"},
    {Rule::kAcceptedIsTold, "untold-acceptance",
     "nobody hears that a message that was forced in has left its queue", "none"},
    {Rule::kDiedIsTold, "untold-death", "the holders of a port are not told that it has died", "none"},
    {Rule::kDiedIsApplied, "ignored-death", "a holder ignores Died", "none"},
    {Rule::kSerialsAreNew, "reused-serial",
     "a serial is given to another port when its holders have given it up", "none"},
    {Rule::kRefusedIsSettled, "refused-rights-lost", "rights of a message to a dead port are not settled",
     "none"},
    {Rule::kOverdrawnIsSettled, "overdrawn-rights-lost",
     "rights of a message that is too much are not settled", "all", 60},
    {Rule::kRoomIsTold, "credit-leak", "news of room is ignored where there was none", "none"},
    {Rule::kRoomWithUnits, "stale-room", "the room that comes with a unit is ignored", "none"},
    {Rule::kFlightIsCounted, "uncounted-flight",
     "a holder forgets its messages under way when it is told the room", "none"},
    {Rule::kFrameOnce, "frame-twice", "a message frame is applied twice", "none"},
    {Rule::kAckWhatIsApplied, "early-acknowledgement", "a frame is acknowledged before it has come", "none"},
    {Rule::kResumeFromApplied, "resume-forgets", "a resumed session does not write again what was lost",
     "blips"},
    {Rule::kResumeAfterApplied, "resume-repeats", "a resumed session applies again what was applied", "cuts"},
    {Rule::kIncarnationsGrow, "stale-incarnation", "an incarnation that goes back is accepted", "crashes",
     200},
    {Rule::kHeaderAndBodyTogether, "half-translated", "a send unit in a body is dead when the reply is",
     "none"},
    {Rule::kLaterOnesWait, "overtaken-bulk", "later messages to a port overtake one whose data is on its way",
     "none", 60},
    {Rule::kMovedAfterAck, "early-moved", "holders are told of a new home before it has applied the port",
     "none"},
    {Rule::kDrainBeforeMove, "early-second-move", "a port moves on while old paths are open", "none"},
    {Rule::kCloseAlways, "no-path-close", "who has no proxy any more closes no path", "none"},
    {Rule::kStubKeepsAUnit, "stub-without-unit", "the old home keeps no unit while it forwards", "none"},
    {Rule::kOnceIsHanded, "once-not-handed", "a send-once right that goes home to a stub is not handed on",
     "none"},
    {Rule::kReleaseIsSentOn, "release-lost-at-stub", "a stub forgets Releases", "none", 200},
    {Rule::kQueueGoesAlong, "queue-left-behind", "what is queued does not move with the port", "none"},
    {Rule::kLostPathIsTold, "lost-path-untold", "the new home is not told that a way by the old one is lost",
     "cuts", 100},
    {Rule::kEmbargo, "no-embargo", "the new home does not let direct messages wait for the old path", "none",
     600},
    {Rule::kCloseAfterWaiting, "early-path-close", "a PathClose overtakes messages that wait", "none", 200,
     900},
    {Rule::kLostPathIsLost, "close-for-lost-path", "a path that is lost is told to be closed", "cuts", 200},
    {Rule::kRequestsGoAlong, "request-left-behind", "a no-senders request does not move with its port",
     "none"},
    {Rule::kIntroducerAsksHome, "introducer-asks-no-home", "a right is introduced and its home not asked",
     "none"},
    {Rule::kGrantThenRelease, "release-before-grant", "the introducer gives its unit back before it asks",
     "none"},
    {Rule::kGrantTransfersOnce, "grant-copies-once", "a send-once unit is granted and stays the introducer's",
     "none"},
    {Rule::kUnsettledWaits, "unsettled-does-not-wait", "a message comes before its rights are settled",
     "none"},
    {Rule::kParkedKeepsOrder, "parked-overtaken", "later messages overtake one that is parked", "none"},
    {Rule::kUnmatchedIsReleased, "unmatched-kept", "a unit is kept whose message can not come any more",
     "cuts", 200},
    {Rule::kAwaitedAsks, "no-claim", "nobody asks for a right that does not come", "cuts", 200},
    {Rule::kClaimByTheMark, "claim-always-waits", "who asks for a right is always told to wait", "cuts", 200},
    {Rule::kHintIsNoHome, "hint-redirects", "a proxy follows what an introducer says of its home", "none", 60,
     1700, 4},
    {Rule::kContestWaits, "contest-does-not-wait", "a unit of a home that is not known yet is refused",
     "none", 60, 261, 4},
    {Rule::kGrantIsSentOn, "grant-not-sent-on", "a Grant that finds the port gone fails", "none", 100, 41, 6},
    {Rule::kFollowWaits, "follower-does-not-wait", "who has no session with the new home loses its proxy",
     "none", 60, 1, 4},
    {Rule::kResyncIsApplied, "resync-ignored", "what a holder says that it has is ignored", "cuts", 200},
    {Rule::kAnswerIsFinal, "late-units-counted",
     "a unit that comes after its holder was asked is given back to who has taken it away", "all", 60,
     5100700},
    {Rule::kCirclesAreSought, "circles-stay", "nobody looks for ports on their way into each other", "none",
     60, 200},
    {Rule::kHeaderInOneStep, "half-translated-header",
     "the reply is translated as it was before its death, the destination as it is after it", "none", 200},
    {Rule::kRightsWithTheMessage, "chunks-carry-rights", "rights are the peer's when their data has begun",
     "none", 600, 501},
    {Rule::kDataIsWhole, "acts-on-half-data", "a message is applied before all of its data is there", "none",
     200},
    {Rule::kAcceptedWhenItLeaves, "early-acceptance",
     "a forced message is said to have left its queue when it comes", "none"},
};

}  // namespace

std::span<const Mutant> mutants() {
  return kMutants;
}

const Mutant* find_mutant(const std::string& name) {
  const auto found = std::find_if(std::begin(kMutants), std::end(kMutants),
                                  [&](const Mutant& each) { return each.name == name; });
  return found == std::end(kMutants) ? nullptr : found;
}

}  // namespace netmsg::sim
