// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/copyin_rules.h"

namespace netmsg::ipc {

namespace {

constexpr Take kNo = Take::kRefuse;

// clang-format off
constexpr Take kCopyinRules[kDispositionCount][kEntryStateCount] = {
    //                   R                    R+S(n)               S(n)             SO                   PS   free DN(n)
    /* MOVE_RECEIVE   */ {Take::kMoveReceive,  Take::kMoveReceive,  kNo,             kNo,                 kNo, kNo, kNo},
    /* MOVE_SEND      */ {kNo,                 Take::kMoveSend,     Take::kMoveSend, kNo,                 kNo, kNo, Take::kDropDead},
    /* MOVE_SEND_ONCE */ {kNo,                 kNo,                 kNo,             Take::kMoveSendOnce, kNo, kNo, Take::kDropDead},
    /* COPY_SEND      */ {kNo,                 Take::kCopySend,     Take::kCopySend, kNo,                 kNo, kNo, Take::kKeepDead},
    /* MAKE_SEND      */ {Take::kMakeSend,     Take::kMakeSend,     kNo,             kNo,                 kNo, kNo, kNo},
    /* MAKE_SEND_ONCE */ {Take::kMakeSendOnce, Take::kMakeSendOnce, kNo,             kNo,                 kNo, kNo, kNo},
};
// clang-format on

bool makes(Disposition disposition) {
  return disposition == Disposition::kMakeSend || disposition == Disposition::kMakeSendOnce;
}

}  // namespace

Take copyin_rule(Disposition disposition, EntryState state) {
  return kCopyinRules[static_cast<int>(disposition) - kDispositionFirst][static_cast<int>(state)];
}

Take destination_rule(Disposition disposition, EntryState state) {
  return state == EntryState::kDead ? Take::kRefuse : copyin_rule(disposition, state);
}

// The six steps of 04 §3, in its order.
SameName same_name_rule(Disposition destination, Disposition reply, EntryState state, std::uint32_t urefs) {
  using enum Disposition;
  if (copyin_rule(reply, state) == Take::kRefuse) return SameName::kRefuseReply;                    // 1
  if (destination == kMoveSendOnce || reply == kMoveSendOnce) return SameName::kRefuseDestination;  // 2
  if (destination_rule(destination, state) == Take::kRefuse) return SameName::kRefuseDestination;   // 3, 4, 6
  if (makes(destination) || makes(reply)) return SameName::kOk;                                     // 3
  const bool both_move = destination == kMoveSend && reply == kMoveSend;
  return both_move && urefs < 2 ? SameName::kRefuseDestination : SameName::kOk;  // 5
}

}  // namespace netmsg::ipc
