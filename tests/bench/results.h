// SPDX-License-Identifier: Apache-2.0
// What a run found: for each case and placement the figures of all rounds, each with its reference of the same moment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/case.h"

namespace netmsg::bench {

struct Row {
  std::string name;
  Placement placement = Placement::kFree;
  Unit unit = Unit::kMicroseconds;
  Reference reference = Reference::kNone;
  std::vector<Figure> figures;
  std::vector<double> ratios;  // to the reference; as many as figures, or none
  std::string not_offered;     // why there are no figures

  // Medians over the rounds.
  double value() const;
  double ratio() const;
  double p99() const;
  double cpu_us() const;
  double switches() const;
  // (largest - smallest) / median of the values.
  double spread() const;
};

using Rows = std::vector<Row>;
// Null if it was not run, or gave nothing.
const Row* find(const Rows& rows, const std::string& name, Placement placement);

struct Machine {
  std::string processor;
  std::string kernel;
  unsigned processors = 0;
  double load = 0;      // over the last minute, when the run ended
  std::string network;  // what is between two hosts
};
Machine this_machine(const std::string& network);

std::string table_of(const Rows& rows);
// As beside.h reads them: a line for each row that has figures.
std::string lines_of(const Rows& rows);
std::string json_of(const Rows& rows, const Machine& machine);

}  // namespace netmsg::bench
