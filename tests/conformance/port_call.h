// SPDX-License-Identifier: Apache-2.0
// A port call of a case, carried out on a backend: from the operation's names to numbers, and back to an answer.
#pragma once

#include "tests/conformance/case_names.h"

namespace netmsg::conformance {

// The answer names what the operation chose itself, too (FORMAT.md §3). `names` is told that something may have
// changed.
PortAnswer carry_out_port_call(const Operation& operation, CaseNames& names, Backend& backend);

}  // namespace netmsg::conformance
