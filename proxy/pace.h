// SPDX-License-Identifier: Apache-2.0
// How much bulk goes at a time in one direction of a session (peer.proto, exchange 9): much as long as it is alone, when
// what a chunk costs by itself counts; little beside small messages, which wait for what is under way before them: in the
// transport, in the kernel's buffers, in the other daemon. Times in, numbers out.
//
//   bulk         event                                    next
//   alone        a message without a transfer             in company
//   in company   none for kCompany                        alone
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "daemon/base/clock.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

class Pace {
 public:
  static constexpr std::chrono::milliseconds kCompany{200};

  struct Limits {
    std::uint64_t chunk;      // bytes of data in one
    std::uint64_t under_way;  // and in all that are not acknowledged
  };
  static constexpr Limits kAlone{kChunkDataMax, kBulkWindowMax};
  static constexpr Limits kInCompany{64U << 10, 512U << 10};

  // A message without a transfer has gone this way.
  void message(base::Instant now) { company_ends_ = now + kCompany; }
  const Limits& at(base::Instant now) const {
    return company_ends_ && now < *company_ends_ ? kInCompany : kAlone;
  }

 private:
  std::optional<base::Instant> company_ends_;
};

}  // namespace netmsg::proxy
