// SPDX-License-Identifier: Apache-2.0
// A group of frames that has begun and not ended (rule M1; peer.proto, exchange 12): kept until its last frame is there,
// then applied as one. A stream that breaks, or the end of the session, takes what there is of it away: nothing has
// happened. One for each session.
//
//   state   event                                         next
//   none    Move                                          open
//   open    Move, queued Message                          open
//   open    another Message: the group is complete        none, by take()
//   any     clear()                                       none
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"

namespace netmsg::proxy {

// peer.proto, "Limits".
inline constexpr std::size_t kGroupPortsMax = 256;
inline constexpr std::size_t kGroupMessagesMax = 4096;
inline constexpr std::size_t kGroupBytesMax = 32U << 20;
inline constexpr int kMoveHoldersMax = 256;  // of one port
inline constexpr std::uint64_t kMoveUnitsMax = std::uint64_t{1}
                                               << 32;  // send units of one holder: sums stay far from 2^64

// The group that this frame is in has more of them.
inline bool is_followed_in_group(const v1::Frame& frame) {
  return frame.has_move() || (frame.has_message() && frame.message().queued());
}

class Staging {
 public:
  bool open() const { return !frames_.empty(); }
  std::size_t size() const { return frames_.size(); }
  bool complete() const { return open() && !is_followed_in_group(frames_.back()); }

  // PROTOCOL: a frame that has no place in a group; LIMIT.
  Check add(const v1::Frame& frame);
  std::vector<v1::Frame> take() {
    bytes_ = ports_ = 0;
    return std::exchange(frames_, {});
  }
  void clear() { take(); }

 private:
  std::vector<v1::Frame> frames_;
  std::size_t bytes_ = 0;
  std::size_t ports_ = 0;
};

}  // namespace netmsg::proxy
