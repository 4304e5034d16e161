// SPDX-License-Identifier: Apache-2.0
// netmsg_bench: measures netmsg beside the floors, in rounds, and prints what the goals of the design say of it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/bench/beside.h"
#include "tests/bench/case.h"
#include "tests/bench/goals.h"
#include "tests/bench/hosts.h"
#include "tests/bench/not_offered.h"
#include "tests/bench/results.h"

namespace netmsg::bench {

namespace {

struct Options {
  bool json = false;
  bool quick = false;
  bool list = false;
  std::string only;       // a part of names
  std::string case_name;  // only this one, on one processor
  std::string beside;
  std::string lines;  // where the rows go besides, in the form of `beside`
  unsigned rounds = 5;
  double seconds = 0.3;
};

constexpr double kReferenceShare = 0.5;  // of a case's time

std::vector<Case> all_cases(Hosts& hosts) {
  std::vector<Case> all;
  for (auto& cases : {floor_cases(), link_cases(hosts), memory_cases(), local_cases(hosts), scale_cases(),
                      remote_cases(hosts), idle_cases()})
    all.insert(all.end(), cases.begin(), cases.end());
  const std::vector<Case> calls = calls_cases(all);
  all.insert(all.end(), calls.begin(), calls.end());
  return all;
}

std::vector<Case> chosen_cases(Hosts& hosts, const Options& options) {
  std::vector<Case> chosen;
  for (Case& one : all_cases(hosts)) {
    if (one.name.find(options.only) == std::string::npos) continue;
    if (!options.case_name.empty() && one.name != options.case_name) continue;
    if (!options.case_name.empty()) one.placements = {Placement::kOneCpu};
    chosen.push_back(one);
  }
  return chosen;
}

// A ratio says how many times the reference: of two trips, or of two rates.
void measure_once(Hosts& hosts, const Case& one, const Setting& setting, Row& row) {
  try {
    const Setting shorter{setting.placement, setting.seconds * kReferenceShare, setting.quick};
    const Figure reference = measure_reference(one.reference, shorter, hosts);
    const Figure figure = one.measure(setting);
    row.figures.push_back(figure);
    if (one.reference != Reference::kNone) row.ratios.push_back(figure.value / reference.value);
  } catch (const std::runtime_error& why) {
    row.not_offered = why.what();
  }
}

Rows empty_rows(const std::vector<Case>& cases) {
  Rows rows;
  for (const Case& one : cases)
    for (const Placement placement : one.placements) {
      Row row;
      row.name = one.name;
      row.placement = placement;
      row.unit = one.unit;
      row.reference = one.reference;
      rows.push_back(std::move(row));
    }
  return rows;
}

// What is large, what is counted, and what does nothing: another round would say the same and take its time.
bool measured_once(const std::string& name) {
  for (const char* const part : {".scale.", ".idle.", ".calls"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

// All cases once, then all once more: what the machine does meanwhile is spread over them.
Rows measure_all(Hosts& hosts, const std::vector<Case>& cases, const Options& options) {
  Rows rows = empty_rows(cases);
  for (unsigned round = 0; round < options.rounds; ++round) {
    std::size_t at = 0;
    for (const Case& one : cases)
      for (const Placement placement : one.placements) {
        Row& row = rows[at++];
        if (!row.not_offered.empty() || (round > 0 && measured_once(one.name))) continue;
        if (!options.json) std::fprintf(stderr, "\rround %u: %-60s", round + 1, one.name.c_str());
        measure_once(hosts, one, {placement, options.seconds, options.quick}, row);
      }
  }
  if (!options.json) std::fputc('\n', stderr);
  return rows;
}

void print(const Rows& rows, const Options& options, const Network& network) {
  const Machine machine = this_machine(network.words());
  Rows with_others = rows;
  if (!options.beside.empty())
    for (Row& row : read_beside(options.beside)) with_others.push_back(std::move(row));
  const std::vector<GoalRow> goals = judge(with_others);
  if (options.json) {
    std::printf("%s,\n%s", json_of(rows, machine).c_str(), json_of(goals).c_str());
    return;
  }
  if (options.quick) std::puts("--quick shows that everything runs; its figures say nothing");
  std::printf("%s, Linux %s, %u processors, load %.2f; %u rounds\nbetween two hosts: %s\n\n%s\n%s",
              machine.processor.c_str(), machine.kernel.c_str(), machine.processors, machine.load,
              options.rounds, machine.network.c_str(), table_of(rows).c_str(), table_of(goals).c_str());
}

int run(const Options& options) {
  Hosts hosts;
  const std::vector<Case> cases = chosen_cases(hosts, options);
  if (options.list) {
    for (const Case& one : cases) std::printf("%s\n", one.name.c_str());
    return 0;
  }
  const Rows rows = measure_all(hosts, cases, options);
  print(rows, options, hosts.network());
  if (!options.lines.empty() && !(std::ofstream(options.lines) << lines_of(rows)))
    throw std::runtime_error("cannot write " + options.lines);
  return 0;
}

// This process is no client of anybody: its children are, each of the daemon that it is told of. The library has
// already looked for a daemon, so a program that found one starts again where there is none.
void be_no_client(char** argv) {
  const char* const socket = std::getenv("NETMSGD_SOCKET");
  if (socket != nullptr && std::string(socket) == "/dev/null") return;
  ::setenv("NETMSGD_SOCKET", "/dev/null", 1);
  ::execv("/proc/self/exe", argv);
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  netmsg::bench::be_no_client(argv);
  netmsg::bench::Options options;
  CLI::App app{"Measures netmsg beside what the machine itself can do."};
  app.add_flag("--json", options.json, "one JSON object instead of tables");
  app.add_flag("--quick", options.quick, "one short round with small sizes: does everything run?");
  app.add_flag("--list", options.list, "the names of the cases");
  app.add_option("--only", options.only, "cases with this in their names");
  app.add_option("--case", options.case_name, "this case alone, on one processor (stages.py)");
  app.add_option("--beside", options.beside, "figures of other programs, for the goals (peers/run.sh)");
  app.add_option("--lines", options.lines, "writes the rows into this file, as --beside reads them");
  app.add_option("--rounds", options.rounds, "how often each case is measured")->check(CLI::Range(1, 1000));
  app.add_option("--seconds", options.seconds, "for each measurement")->check(CLI::Range(0.001, 60.0));
  CLI11_PARSE(app, argc, argv);
  if (options.quick) {
    options.rounds = 1;
    options.seconds = 0.005;
  }
  try {
    return netmsg::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "netmsg_bench: %s\n", error.what());
    return 1;
  }
}
