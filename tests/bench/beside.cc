// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/beside.h"

#include <fstream>
#include <sstream>

#include "tests/bench/not_offered.h"

namespace netmsg::bench {

namespace {

Placement placement_of(const std::string& name) {
  for (const Placement placement : {Placement::kOneCpu, Placement::kTwoCpus, Placement::kFree})
    if (name == name_of(placement)) return placement;
  throw NotOffered("'" + name + "' is no placement");
}

Row row_of(const std::string& line) {
  std::istringstream words(line);
  std::string name;
  std::string placement;
  double value = 0;
  double ratio = 0;
  if (!(words >> name >> placement >> value >> ratio)) throw NotOffered("'" + line + "' is no row");
  Row row;
  row.name = name;
  row.placement = placement_of(placement);
  row.figures = {{value}};
  row.ratios = {ratio};
  return row;
}

}  // namespace

Rows read_beside(const std::string& file) {
  std::ifstream lines(file);
  if (!lines) throw NotOffered("cannot read " + file);
  Rows rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(row_of(line));
  return rows;
}

}  // namespace netmsg::bench
