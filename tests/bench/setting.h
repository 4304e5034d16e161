// SPDX-License-Identifier: Apache-2.0
// How one measurement is to be made.
#pragma once

#include "tests/bench/placement.h"

namespace netmsg::bench {

struct Setting {
  Placement placement = Placement::kFree;
  double seconds = 1;         // for what is measured
  bool quick = false;         // smaller sizes and counts
  bool counts_calls = false;  // system calls too: takes time of its own
};

}  // namespace netmsg::bench
