// SPDX-License-Identifier: Apache-2.0
// Whether it is worth while to wait awake for a moment before one sleeps (ring.h, "Waiting"): it is unless the last
// such waits were in vain; then only one of several tries again. Pure. Owner: who waits.
#pragma once

namespace netmsg::local {

class Patience {
 public:
  static constexpr unsigned kVainMax = 4;      // waits in vain, one after the other, before it is given up
  static constexpr unsigned kTryAgainAt = 16;  // then each such wait is a try

  // A wait begins: awake first?
  bool try_awake() { return vain_ < kVainMax || ++given_up_ % kTryAgainAt == 0; }
  // What was awaited came while awake.
  void was_worth_it() { vain_ = 0; }
  // It did not.
  void was_in_vain() { vain_ = vain_ < kVainMax ? vain_ + 1 : kVainMax; }

 private:
  unsigned vain_ = 0;
  unsigned given_up_ = 0;  // waits begun asleep
};

}  // namespace netmsg::local
