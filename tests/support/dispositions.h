// SPDX-License-Identifier: Apache-2.0
// The dispositions of rights under the short names that tests call them by.
#pragma once

#include <mach/message.h>

namespace netmsg::test {

inline constexpr unsigned kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE;
inline constexpr unsigned kMoveSend = MACH_MSG_TYPE_MOVE_SEND;
inline constexpr unsigned kMoveOnce = MACH_MSG_TYPE_MOVE_SEND_ONCE;
inline constexpr unsigned kCopySend = MACH_MSG_TYPE_COPY_SEND;
inline constexpr unsigned kMakeSend = MACH_MSG_TYPE_MAKE_SEND;
inline constexpr unsigned kMakeOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE;

}  // namespace netmsg::test
