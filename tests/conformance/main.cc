// SPDX-License-Identifier: Apache-2.0
// netmsg_replay: replays recorded traces on one backend. The last line of its output is
//   replayed: S sequences, T steps, K mismatches, D deviations
// S cases, T operations carried out and compared, K cases with a difference that nothing excuses, D cases with excused
// differences only. Exit status 0: K is 0;
// 1: it is not; 2: bad arguments, a file that cannot be read or understood, a backend that cannot be had.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/conformance/engine_backend.h"
#include "tests/conformance/process_backend.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/trace_file.h"
#include "tests/support/scale.h"

namespace netmsg::conformance {
namespace {

constexpr const char* kUsage =
    "usage: netmsg_replay [--backend engine|two-engines|three-engines|socket|ring|two-hosts|three-hosts]\n"
    "                     [--check] [-v] [--only TEXT] [--every N] FILE...\n"
    "  --backend B  what to replay on (engine)\n"
    "  --check      engines: check all invariants after every operation\n"
    "  -v           tell the first difference of each case that fails, and what excuses the others; a table "
    "by family\n"
    "  --only TEXT  only cases whose name contains TEXT\n"
    "  --every N    only each Nth of them; N is divided by NETMSG_TEST_SCALE\n"
    "  FILE         a trace, compressed by gzip or not\n";

struct Options {
  std::string backend = "engine";
  bool check = false;
  bool verbose = false;
  std::string only;
  unsigned every = 1;
  std::vector<std::string> files;
};

// At least 1.
unsigned scaled_stride(const char* words) {
  constexpr int kWhole = 10000;
  const unsigned long stride =
      std::strtoul(words, nullptr, 10) * kWhole / static_cast<unsigned>(test::scaled(kWhole));
  return static_cast<unsigned>(std::clamp<unsigned long>(stride, 1, UINT32_MAX));
}

// Null at the first argument that makes no sense.
std::optional<Options> parse_arguments(int argc, char** argv) {
  Options options;
  for (int at = 1; at < argc; ++at) {
    const std::string_view argument = argv[at];
    const bool has_value = at + 1 < argc;
    if (argument == "--check") {
      options.check = true;
    } else if (argument == "-v") {
      options.verbose = true;
    } else if (argument == "--only" && has_value) {
      options.only = argv[++at];
    } else if (argument == "--every" && has_value) {
      options.every = scaled_stride(argv[++at]);
    } else if (argument == "--backend" && has_value) {
      options.backend = argv[++at];
    } else if (argument.starts_with("-")) {
      return std::nullopt;
    } else {
      options.files.emplace_back(argument);
    }
  }
  if (options.files.empty()) return std::nullopt;
  return options;
}

// The backend of that name, or in words why there is none.
std::variant<std::unique_ptr<Backend>, std::string> make_backend(const Options& options) {
  if (options.backend == "engine") return std::make_unique<EngineBackend>(1, options.check);
  if (options.backend == "two-engines") return std::make_unique<EngineBackend>(2, options.check);
  if (options.backend == "three-engines") return std::make_unique<EngineBackend>(3, options.check);
  if (options.backend == "socket") return std::make_unique<ProcessBackend>(1, "socket");
  if (options.backend == "ring") return std::make_unique<ProcessBackend>(1, "ring");
  if (options.backend == "two-hosts") return std::make_unique<ProcessBackend>(2, "ring");
  if (options.backend == "three-hosts") return std::make_unique<ProcessBackend>(3, "ring");
  return "there is no backend " + options.backend;
}

struct Tally {
  unsigned same = 0;      // replayed whole
  unsigned deviates = 0;  // but for what DEVIATIONS.md excuses
  unsigned differs = 0;
};

class Report {
 public:
  explicit Report(bool verbose) : verbose_(verbose) {}

  void add(const Case& recorded, const Outcome& outcome) {
    steps_ += outcome.operations;
    Tally& tally = tallies_[std::string(recorded.family())];
    ++(outcome.difference ? tally.differs : outcome.excuses.empty() ? tally.same : tally.deviates);
    if (verbose_) tell(recorded, outcome);
  }

  // Whether there was no mismatch.
  bool print() const {
    Tally sum;
    for (const auto& [family, tally] : tallies_) {
      for (const auto count : {&Tally::same, &Tally::deviates, &Tally::differs}) sum.*count += tally.*count;
    }
    if (verbose_) print_families();
    std::cout << "replayed: " << sum.same + sum.deviates + sum.differs << " sequences, " << steps_
              << " steps, " << sum.differs << " mismatches, " << sum.deviates << " deviations\n";
    return sum.differs == 0;
  }

 private:
  static void tell(const Case& recorded, const Outcome& outcome) {
    for (const Excuse& excuse : outcome.excuses) {
      std::cout << recorded.name << " operation " << excuse.operation << ": excused by DEVIATIONS.md section "
                << excuse.section << '\n';
    }
    if (outcome.difference) {
      std::cout << recorded.name << " operation " << outcome.difference->operation << ": "
                << outcome.difference->what << '\n';
    }
    std::cout.flush();  // a run takes minutes
  }

  void print_families() const {
    row("family", "same", "deviate", "differ");
    for (const auto& [family, tally] : tallies_) row(family, tally.same, tally.deviates, tally.differs);
  }

  template <typename... Counts>
  static void row(std::string_view family, const Counts&... counts) {
    std::cout << std::left << std::setw(16) << family << std::right;
    ((std::cout << std::setw(10) << counts), ...);
    std::cout << '\n';
  }

  const bool verbose_;
  std::map<std::string, Tally> tallies_;
  std::uint64_t steps_ = 0;
};

// Goes through files and replays the cases that are asked for.
class Run {
 public:
  Run(const Options& options, Backend& backend, Report& report)
      : options_(options), backend_(backend), report_(report) {}

  // False: the file is no trace.
  bool file(const std::string& path) {
    const auto read = read_trace(path);
    if (const auto* error = std::get_if<std::string>(&read)) {
      std::cerr << "netmsg_replay: " << *error << '\n';
      return false;
    }
    for (const Case& recorded : std::get<Trace>(read).cases) {
      if (is_asked_for(recorded)) report_.add(recorded, replay(recorded, backend_));
    }
    return true;
  }

 private:
  bool is_asked_for(const Case& recorded) {
    return recorded.name.find(options_.only) != std::string::npos && seen_++ % options_.every == 0;
  }

  const Options& options_;
  Backend& backend_;
  Report& report_;
  unsigned seen_ = 0;
};

int run(const Options& options) {
  auto made = make_backend(options);
  if (const auto* why = std::get_if<std::string>(&made)) {
    std::cerr << "netmsg_replay: " << *why << '\n';
    return 2;
  }
  Backend& backend = *std::get<std::unique_ptr<Backend>>(made);
  Report report(options.verbose);
  Run replays(options, backend, report);
  bool understood = true;
  for (const std::string& path : options.files) understood &= replays.file(path);
  const bool agrees = report.print();
  if (!understood) return 2;
  return agrees ? 0 : 1;
}

}  // namespace
}  // namespace netmsg::conformance

int main(int argc, char** argv) {
  using namespace netmsg::conformance;
  const auto options = parse_arguments(argc, argv);
  if (!options) {
    std::cerr << kUsage;
    return 2;
  }
  try {
    return run(*options);
  } catch (const std::exception& failure) {
    std::cerr << "netmsg_replay: " << failure.what() << '\n';
    return 2;
  }
}
