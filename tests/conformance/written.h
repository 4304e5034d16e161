// SPDX-License-Identifier: Apache-2.0
// What a mach_msg wrote into its caller's buffer, compared with the M, B, H or Z line of a trace (FORMAT.md §7).
#pragma once

#include <cstdint>
#include <string>

#include "tests/conformance/excuses.h"
#include "tests/conformance/message_codec.h"
#include "tests/conformance/sent.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

class WrittenCheck {
 public:
  WrittenCheck(const Operation& operation, const SentMessages& sent, Excuses& excuses, const Judge& judge)
      : operation_(operation),
        expected_(*operation.expected.written),
        sent_(sent),
        excuses_(excuses),
        judge_(judge) {}

  // The first difference in words; empty if there is none. `rcv_size`: of the call. REQUIRES: the trace has a
  // line of section 7 for the operation.
  std::string compare(const MsgAnswer& answer, std::uint32_t rcv_size) const;

 private:
  std::string compare_message(const Bytes& bytes) const;
  std::string compare_raw(const Bytes& bytes) const;
  std::string compare_header_only(const MsgAnswer& answer, std::uint32_t rcv_size) const;
  std::string compare_size_only(const MsgAnswer& answer, std::uint32_t rcv_size) const;
  std::string compare_told_size(std::uint32_t found) const;

  const Operation& operation_;
  const Written& expected_;
  const SentMessages& sent_;
  Excuses& excuses_;
  const Judge& judge_;
};

// The id of a whole message.
std::int32_t id_of(const Bytes& message);

}  // namespace netmsg::conformance
