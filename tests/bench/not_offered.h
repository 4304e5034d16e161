// SPDX-License-Identifier: Apache-2.0
// A case that cannot be measured here, and why, in words for the report.
#pragma once

#include <stdexcept>

namespace netmsg::bench {

struct NotOffered : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace netmsg::bench
