// SPDX-License-Identifier: Apache-2.0
// Figures of other programs, of a run beside this one (peers/run.sh), for the goals that name them. Lines of text:
// case, placement (one, two, free), value, ratio to its own reference, unit; separated by blanks.
#pragma once

#include <string>

#include "tests/bench/results.h"

namespace netmsg::bench {

// Throws NotOffered for a file that cannot be read or is not of this form.
Rows read_beside(const std::string& file);

}  // namespace netmsg::bench
