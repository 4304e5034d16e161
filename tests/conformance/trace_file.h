// SPDX-License-Identifier: Apache-2.0
// A trace in a file, compressed by gzip or not.
#pragma once

#include <string>
#include <variant>

#include "tests/conformance/trace.h"

namespace netmsg::conformance {

// An error in words, with the path and the line: the file cannot be read, or is no trace.
std::variant<Trace, std::string> read_trace(const std::string& path);

}  // namespace netmsg::conformance
