// SPDX-License-Identifier: Apache-2.0
#include "proxy/staging.h"

namespace netmsg::proxy {

Check Staging::add(const v1::Frame& frame) {
  if (!frame.has_move() && !frame.has_message()) return protocol_error("a group that does not end");
  if (frame.has_move() && !frames_.empty() && !frames_.back().has_move())
    return protocol_error("a port after the messages of a group");
  bytes_ += frame.ByteSizeLong();
  ports_ += frame.has_move() ? 1 : 0;
  if (ports_ > kGroupPortsMax || frames_.size() > kGroupPortsMax + kGroupMessagesMax ||
      bytes_ > kGroupBytesMax)
    return Fault{v1::Fence::LIMIT, "a group too large"};
  frames_.push_back(frame);
  return std::nullopt;
}

}  // namespace netmsg::proxy
