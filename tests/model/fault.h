// SPDX-License-Identifier: Apache-2.0
// Wrong rules that can be planted in the model, to prove that a difference between model and engine is found.
#pragma once

namespace netmsg::model {

enum class Fault {
  kNone,
  kMakeSendIsNotCounted,      // 01 §6
  kDeadNameGainsNoReference,  // 06 §3
  kMoveAndCopyNeedTwo,        // 04 §3: MOVE_SEND and COPY_SEND of one name with one reference
  kSendOnceWaitsForRoom,      // 01 §8.3
  kQueueIsOneLonger,          // 01 §8.3
  kNoSendersIgnoresSync,      // 06 §7
  kQueueDiesNewestFirst,      // 01 §10 step 6
  kReplyIsNotGivenBack,       // 03 §5
  kSendReferencesGoTo65535,   // 01 §3
  kLeavingASetLosesTheOrder,  // 01 §9
  kSequenceSurvivesTheMove,   // 01 §7
  kDroppedSendOnceIsSilent,   // 06 §8
};

}  // namespace netmsg::model
