// SPDX-License-Identifier: Apache-2.0
// The goals of the design, as a table, and what a run says of each: own figure, what it is compared with, the bound,
// and the verdict. A verdict is no gate: the machine's load is part of it.
#pragma once

#include <string>

#include "tests/bench/results.h"

namespace netmsg::bench {

enum class Verdict { kMet, kMissed, kNotMeasured };

struct GoalRow {
  std::string number;
  std::string what;
  Verdict verdict = Verdict::kNotMeasured;
  double own = 0;  // of the measure: already a ratio where the goal is one
  double bound = 0;
  bool at_most = true;
  std::string note;  // beside what; or why it was not measured
};

std::vector<GoalRow> judge(const Rows& rows);
std::string table_of(const std::vector<GoalRow>& goals);
std::string json_of(const std::vector<GoalRow>& goals);

}  // namespace netmsg::bench
