// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/case.h"

namespace netmsg::bench {

const char* name_of(Unit unit) {
  switch (unit) {
    case Unit::kMicroseconds:
      return "us";
    case Unit::kPerSecond:
      return "/s";
    case Unit::kMegabytesPerSecond:
      return "MB/s";
    case Unit::kBytes:
      return "bytes";
    case Unit::kCalls:
      return "calls";
    case Unit::kMicrosecondsPerSecond:
      return "us/s";
    case Unit::kCount:
      return "";
    case Unit::kRatio:
      break;
  }
  return "x";
}

}  // namespace netmsg::bench
