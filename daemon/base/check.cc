// SPDX-License-Identifier: Apache-2.0
#include "daemon/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace netmsg::base {

void check_failed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace netmsg::base
