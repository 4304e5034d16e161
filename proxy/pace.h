// SPDX-License-Identifier: Apache-2.0
// How much bulk goes at a time in one direction of a session (peer.proto, exchange 9): much as long as it is alone, when
// what a chunk costs by itself counts; little beside small messages, which wait for what is under way before them: in the
// transport, in the kernel's buffers, in the other daemon. How little depends on the way: more fits onto a long one before
// anything waits, which is seen by how long chunks take. Times in, numbers out. Who receives bulk does not see that, and has
// the least.
//
//   bulk         event                                    next
//   alone        a message without a transfer             in company, with the least under way
//   in company   none for kCompany                        lately in company: as much as costs bulk little, and no more
//   lately       none for kLately                         alone
//   lately       a message without a transfer             in company, with as much under way as before
//   in company   a chunk took at most kPatience times     in company, with a chunk more under way if there was as
//                as long as the fastest one of late       much as may be
//   in company   a chunk took longer                      in company, with a chunk less under way
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "daemon/base/clock.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

class Pace {
 public:
  static constexpr std::chrono::milliseconds kCompany{20};
  static constexpr std::chrono::milliseconds kLately{100};  // since the message
  static constexpr int kPatience = 2;
  static constexpr std::chrono::seconds kOfLate{10};

  struct Limits {
    std::uint64_t chunk;      // bytes of data in one
    std::uint64_t under_way;  // and in all that are not acknowledged
  };
  static constexpr Limits kAlone{kChunkDataMax, kBulkWindowMax};
  static constexpr Limits kLatelyInCompany{128U << 10, 1U << 20};
  static constexpr Limits kInCompany{32U << 10, 64U << 10};  // at the least

  // A message without a transfer has gone this way.
  void message(base::Instant now);
  Limits at(base::Instant now) const {
    if (is_within(kCompany, now)) return {kInCompany.chunk, under_way_};
    return is_within(kLately, now) ? kLatelyInCompany : kAlone;
  }

  // A chunk leaves under this number; all up to that one are acknowledged, while so much was under way.
  void chunk(FrameNumber number, base::Instant now);
  void acknowledged(FrameNumber number, std::uint64_t under_way, base::Instant now);

 private:
  struct Sent {
    FrameNumber number;
    base::Instant at;
  };

  bool is_within(std::chrono::milliseconds time, base::Instant now) const {
    return last_ && now < *last_ + time;
  }
  // The shortest time that a chunk has taken of late, with this one.
  std::chrono::nanoseconds fastest(std::chrono::nanoseconds taken, base::Instant now);

  std::optional<base::Instant> last_;  // message
  std::uint64_t under_way_ = kInCompany.under_way;
  std::deque<Sent> sent_;
  // In the current kOfLate, and in the one before it.
  std::chrono::nanoseconds fastest_ = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds fastest_before_ = std::chrono::nanoseconds::max();
  base::Instant since_{};
};

}  // namespace netmsg::proxy
