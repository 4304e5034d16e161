// SPDX-License-Identifier: Apache-2.0
// A case as text in the trace format (FORMAT.md), so that people and netmsg_replay can read it. Symbols and
// operations are numbered anew, in the order in which they appear.
#pragma once

#include <string>

#include "tests/conformance/trace.h"

namespace netmsg::model {

std::string to_script(const conformance::Case& recorded);

}  // namespace netmsg::model
