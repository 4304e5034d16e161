// SPDX-License-Identifier: Apache-2.0
// The smallest script that still shows a difference: operations are left out, then parts of their messages, as
// long as model and implementation still differ somewhere.
#pragma once

#include <functional>
#include <vector>

#include "tests/conformance/trace.h"

namespace netmsg::model {

using Operations = std::vector<conformance::Operation>;
// Does a difference remain?
using Differs = std::function<bool(const Operations&)>;

// REQUIRES: the operations differ.
Operations shrink(Operations operations, const Differs& differs);

}  // namespace netmsg::model
