// SPDX-License-Identifier: Apache-2.0
// What a name denotes, as a `=` line writes it (FORMAT.md §8).
#pragma once

#include <string>

#include "tests/conformance/backend.h"
#include "tests/conformance/symbols.h"

namespace netmsg::conformance {

// "free" if the name is not in the view.
std::string state_text(const SpaceView& view, Name name, const Symbols& symbols);

}  // namespace netmsg::conformance
