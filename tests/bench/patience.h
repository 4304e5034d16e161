// SPDX-License-Identifier: Apache-2.0
// Waiting outside of what is measured: short rests, and an end to them.
#pragma once

#include <unistd.h>

#include "tests/bench/not_offered.h"

namespace netmsg::bench {

class Patience {
 public:
  // A moment's rest. After a minute in all it throws NotOffered with these words.
  void rest(const char* what_does_not_come) {
    if (++rests_ > kRestsMax) throw NotOffered(what_does_not_come);
    ::usleep(kRestUs);
  }

 private:
  static constexpr unsigned kRestUs = 200;
  static constexpr unsigned kRestsMax = 60 * 1000000 / kRestUs;
  unsigned rests_ = 0;
};

}  // namespace netmsg::bench
