// SPDX-License-Identifier: Apache-2.0
// Whether to wait awake for a moment before one sleeps (ring.h, "Waiting"), and for how long. Two things speak against it:
//   what is awaited comes late   A wait that took longer than kSoon, however it ended, was in vain. After kVainMax of them
//                                only one of kTryAgainAt is a try. A short one brings patience back, also one that ended in
//                                a sleep: where several wait for each other, each one's sleep makes the others' waits
//                                longer, and who stopped because of that would never find back.
//   strangers                    A yield that took longer than kStranger gave the processor to somebody who wants it for
//                                himself: a whole time slice is gone, hundreds of times what a sleep costs. No more yields
//                                for kRestPerLoss times what it took: so no more than one part in kRestPerLoss is lost.
// The class is pure: the caller reads the clock. Owner: who waits.
#pragma once

#include <sched.h>

#include <chrono>

namespace netmsg::local {

class Patience {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  static constexpr std::chrono::microseconds kAwake{20};  // of one wait
  static constexpr std::chrono::microseconds kSoon{500};  // many times what a sleep and a wake-up cost
  static constexpr unsigned kVainMax = 4;
  static constexpr unsigned kTryAgainAt = 16;
  static constexpr std::chrono::microseconds kStranger{
      500};  // a slice is some milliseconds, a turn of ours a few us
  static constexpr unsigned kRestPerLoss = 16;

  // A wait begins: awake first, and for how long?
  bool begin(Time now, std::chrono::microseconds awake = kAwake) {
    began_ = now;
    awake_ = awake;
    goes_on_ = now >= rest_until_ && (vain_ < kVainMax || ++given_up_ % kTryAgainAt == 0);
    return goes_on_;
  }
  // A yield is over; what is awaited is to be looked for now.
  void yielded(Time since, Time now) {
    const auto took = now - since;
    if (took > kStranger) rest_until_ = now + took * kRestPerLoss;
    goes_on_ = took <= kStranger && now - began_ < awake_;
  }
  // Still awake?
  bool goes_on() const { return goes_on_; }
  // What was awaited has come.
  void over(Time now) {
    if (now - began_ < kSoon)
      vain_ = 0;
    else if (vain_ < kVainMax)
      ++vain_;
  }

 private:
  Time began_;
  std::chrono::microseconds awake_{0};
  Time rest_until_;
  bool goes_on_ = false;
  unsigned vain_ = 0;
  unsigned given_up_ = 0;  // waits begun asleep
};

// Gives up the processor once, as part of a wait that goes on.
inline void yield_once(Patience& patience) {
  const Patience::Time since = Patience::Clock::now();
  ::sched_yield();
  patience.yielded(since, Patience::Clock::now());
}

}  // namespace netmsg::local
