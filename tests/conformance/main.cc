// SPDX-License-Identifier: Apache-2.0
// netmsg_replay: replays recorded traces and reports, for each family of cases, how many agree. Exit status
// 0: no unexcused difference; 1: differences; 2: a file could not be read or understood.
#include <zlib.h>

#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/conformance/deviations.h"
#include "tests/conformance/engine_backend.h"
#include "tests/conformance/replay.h"

namespace netmsg::conformance {
namespace {

constexpr const char* kUsage =
    "usage: netmsg_replay [--check] [--verbose] [--only TEXT] TRACE...\n"
    "  --check      check all invariants of the engine after every operation\n"
    "  --verbose    also say what is missing for each case that is not offered\n"
    "  --only TEXT  only cases whose name contains TEXT\n"
    "  TRACE        a trace file, compressed or not\n";

struct Options {
  bool check = false;
  bool verbose = false;
  std::string only;
  std::vector<std::string> files;
};

// Null at the first argument that makes no sense.
std::optional<Options> parse_arguments(int argc, char** argv) {
  Options options;
  for (int at = 1; at < argc; ++at) {
    const std::string_view argument = argv[at];
    if (argument == "--check") {
      options.check = true;
    } else if (argument == "--verbose") {
      options.verbose = true;
    } else if (argument == "--only" && at + 1 < argc) {
      options.only = argv[++at];
    } else if (argument.starts_with("--")) {
      return std::nullopt;
    } else {
      options.files.emplace_back(argument);
    }
  }
  if (options.files.empty()) return std::nullopt;
  return options;
}

// The file's text, decompressed if it is compressed. Null if it cannot be read.
std::optional<std::string> read_file(const std::string& path) {
  gzFile_s* file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  std::string text;
  std::vector<char> buffer(1U << 16);
  int size = 0;
  while ((size = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  const bool closed = gzclose_r(file) == Z_OK;
  if (size < 0 || !closed) return std::nullopt;
  return text;
}

struct Tally {
  unsigned same = 0;         // replayed whole
  unsigned differ = 0;       // also before an operation that is not offered
  unsigned excused = 0;      // differ as DEVIATIONS.md says
  unsigned stale = 0;        // excused, but the same
  unsigned not_offered = 0;  // the backend lacks something; the same up to there
};

class Report {
 public:
  explicit Report(bool verbose) : verbose_(verbose) {}

  void add(const Case& recorded, const Outcome& outcome) {
    operations_ += outcome.operations;
    Tally& tally = tallies_[std::string(recorded.family())];
    const Excuse* excuse = excuse_for(recorded.name);
    if (outcome.difference) return add_difference(tally, recorded, *outcome.difference, excuse);
    if (!outcome.missing.empty()) return add_missing(tally, recorded, outcome);
    if (excuse == nullptr) {
      ++tally.same;
    } else {
      ++tally.stale;
      std::cout << recorded.name << " agrees, but section " << excuse->section << " excuses it\n";
    }
  }

  bool clean() const {
    for (const auto& [family, tally] : tallies_) {
      if (tally.differ + tally.stale != 0) return false;
    }
    return true;
  }

  void print() const {
    Tally sum;
    row("family", "same", "differ", "excused", "stale", "not offered");
    for (const auto& [family, tally] : tallies_) {
      row(family, tally.same, tally.differ, tally.excused, tally.stale, tally.not_offered);
      for (const auto count : kCounts) sum.*count += tally.*count;
    }
    row("all", sum.same, sum.differ, sum.excused, sum.stale, sum.not_offered);
    std::cout << operations_ << " operations compared\n";
    for (const auto& [what, count] : missing_) std::cout << "not offered, " << what << ": " << count << '\n';
  }

 private:
  static constexpr unsigned Tally::*kCounts[] = {&Tally::same, &Tally::differ, &Tally::excused, &Tally::stale,
                                                 &Tally::not_offered};

  void add_difference(Tally& tally, const Case& recorded, const Difference& difference,
                      const Excuse* excuse) {
    const bool excused = excuse != nullptr && excuse->operation == difference.operation;
    ++(excused ? tally.excused : tally.differ);
    if (excused && !verbose_) return;
    std::cout << recorded.name << " operation " << difference.operation << ": " << difference.what;
    if (excused) std::cout << " (excused by section " << excuse->section << ')';
    std::cout << '\n';
  }

  void add_missing(Tally& tally, const Case& recorded, const Outcome& outcome) {
    ++tally.not_offered;
    ++missing_[outcome.missing];
    if (!verbose_) return;
    std::cout << recorded.name << " not offered after " << outcome.operations << " of "
              << recorded.operations.size() << " operations: " << outcome.missing << '\n';
  }

  template <typename... Counts>
  static void row(std::string_view family, const Counts&... counts) {
    std::cout << std::left << std::setw(16) << family << std::right;
    ((std::cout << std::setw(13) << counts), ...);
    std::cout << '\n';
  }

  const bool verbose_;
  std::map<std::string, Tally> tallies_;
  std::map<std::string, unsigned> missing_;  // cases by what they lack first
  std::uint64_t operations_ = 0;
};

// False: the file is no trace.
bool replay_file(const std::string& path, const Options& options, Backend& backend, Report& report) {
  const std::optional<std::string> text = read_file(path);
  if (!text) {
    std::cerr << path << ": cannot be read\n";
    return false;
  }
  const auto parsed = parse_trace(*text);
  if (const auto* error = std::get_if<TraceError>(&parsed)) {
    std::cerr << path << ':' << error->line << ": " << error->what << '\n';
    return false;
  }
  for (const Case& recorded : std::get<Trace>(parsed).cases) {
    if (recorded.name.find(options.only) == std::string::npos) continue;
    report.add(recorded, replay(recorded, backend));
  }
  return true;
}

int run(const Options& options) {
  EngineBackend backend(options.check);
  Report report(options.verbose);
  bool understood = true;
  for (const std::string& path : options.files) understood &= replay_file(path, options, backend, report);
  report.print();
  if (!understood) return 2;
  return report.clean() ? 0 : 1;
}

}  // namespace
}  // namespace netmsg::conformance

int main(int argc, char** argv) {
  const auto options = netmsg::conformance::parse_arguments(argc, argv);
  if (options) return netmsg::conformance::run(*options);
  std::cerr << netmsg::conformance::kUsage;
  return 2;
}
