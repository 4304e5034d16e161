// SPDX-License-Identifier: Apache-2.0
// netmsg_sim: plays worlds, one for each seed, and says which of them broke an invariant (README.md).
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "tests/sim/mutants.h"
#include "tests/sim/world.h"

namespace netmsg::sim {
namespace {

struct Arguments {
  WorldOptions world;
  std::uint64_t first = 1;
  std::uint64_t last = 20;
  const Mutant* mutant = nullptr;
  bool list = false;
  bool all_mutants = false;
};

struct Result {
  std::uint64_t events = 0;
  bool violated = false;
  char what[400] = {};
};

Result play(WorldOptions options, std::uint64_t seed) {
  options.seed = seed;
  Result result;
  World world(options);
  const std::optional<std::string> violation = world.play();
  result.events = world.events();
  result.violated = violation.has_value();
  if (violation) std::snprintf(result.what, sizeof result.what, "%s", violation->c_str());
  return result;
}

std::string command(const Arguments& arguments, std::uint64_t seed) {
  const WorldOptions& world = arguments.world;
  std::string words = "netmsg_sim --hosts " + std::to_string(world.hosts) + " --seeds " +
                      std::to_string(seed) + ".." + std::to_string(seed) + " --steps " +
                      std::to_string(world.steps) + " --faults " + name_of(world.faults);
  if (arguments.mutant != nullptr) words += std::string(" --mutant ") + arguments.mutant->name;
  return words + " --trace";
}

// A child plays the seeds from `from` on and writes a result for each: a check of the daemon's own that fails ends the
// child, and is that seed's violation.
class Player {
 public:
  Player(const Arguments& arguments, std::uint64_t from) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::fflush(stdout);
    child_ = fork();
    if (child_ == 0) {
      close(ends[0]);
      play_all(arguments, from, ends[1]);
    }
    close(ends[1]);
    in_ = ends[0];
  }
  ~Player() {
    close(in_);
    waitpid(child_, nullptr, 0);
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Nothing: it has died over this seed.
  std::optional<Result> next() {
    Result result;
    std::size_t got = 0;
    while (got < sizeof result) {
      const ssize_t some = read(in_, reinterpret_cast<char*>(&result) + got, sizeof result - got);
      if (some <= 0) return std::nullopt;
      got += static_cast<std::size_t>(some);
    }
    return result;
  }

 private:
  [[noreturn]] static void play_all(const Arguments& arguments, std::uint64_t from, int out) {
    for (std::uint64_t seed = from; seed <= arguments.last; ++seed) {
      const Result result = play(arguments.world, seed);
      if (write(out, &result, sizeof result) != static_cast<ssize_t>(sizeof result)) break;
    }
    std::_Exit(0);
  }

  pid_t child_ = 0;
  int in_ = -1;
};

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t events = 0;
  std::uint64_t violations = 0;
};

void count(const Arguments& arguments, std::uint64_t seed, const Result& result, Totals& totals) {
  ++totals.seeds;
  totals.events += result.events;
  if (!result.violated) return;
  ++totals.violations;
  std::printf("seed %llu: %s\n  %s\n", static_cast<unsigned long long>(seed), result.what,
              command(arguments, seed).c_str());
}

Result died() {
  Result result;
  result.violated = true;
  std::snprintf(result.what, sizeof result.what, "a check of the daemon failed (see above)");
  return result;
}

Totals run(const Arguments& arguments) {
  Totals totals;
  std::optional<Player> player;
  for (std::uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    if (arguments.world.aloud) {
      count(arguments, seed, play(arguments.world, seed), totals);
      continue;
    }
    if (!player) player.emplace(arguments, seed);
    const std::optional<Result> result = player->next();
    if (!result) player.reset();
    count(arguments, seed, result.value_or(died()), totals);
    if (totals.violations > 0 && arguments.all_mutants) break;
  }
  return totals;
}

// Each mutant until it is found, under the faults and within the seeds that its line says.
bool find_all_mutants(Arguments arguments) {
  bool all = true;
  for (const Mutant& each : mutants()) {
    arguments.mutant = &each;
    arguments.world.faults = *fault_set(each.faults);
    arguments.last = arguments.first + each.seeds - 1;
    proxy::broken_rule = each.rule;
    const Totals totals = run(arguments);
    all = all && totals.violations > 0;
    std::printf("%s %s in %llu seeds\n", totals.violations > 0 ? "found" : "MISSED", each.name,
                static_cast<unsigned long long>(totals.seeds));
  }
  return all;
}

void usage() {
  std::fprintf(
      stderr,
      "usage: netmsg_sim [--hosts 2..7] [--seeds A..B] [--steps N] [--faults none|blips|cuts|crashes|all]\n"
      "                  [--mutant NAME] [--trace]\n"
      "       netmsg_sim --list-mutants\n"
      "       netmsg_sim --all-mutants [--hosts N] [--steps N]\n");
  std::exit(2);
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (end == text) usage();
  return value;
}

void read_seeds(const char* text, Arguments& arguments) {
  arguments.first = arguments.last = number(text);
  if (const char* dots = std::strstr(text, "..")) arguments.last = number(dots + 2);
}

// Options without a value.
bool read_flag(const std::string& flag, Arguments& arguments) {
  if (flag == "--trace") return arguments.world.aloud = true;
  if (flag == "--list-mutants") return arguments.list = true;
  return flag == "--all-mutants" && (arguments.all_mutants = true);
}

void read_option(const std::string& option, const char* value, Arguments& arguments) {
  if (option == "--hosts") {
    arguments.world.hosts = number(value);
  } else if (option == "--seeds") {
    read_seeds(value, arguments);
  } else if (option == "--steps") {
    arguments.world.steps = number(value);
  } else if (option == "--faults") {
    const std::optional<FaultSet> set = fault_set(value);
    if (!set) usage();
    arguments.world.faults = *set;
  } else if (option == "--mutant") {
    arguments.mutant = find_mutant(value);
    if (arguments.mutant == nullptr) usage();
  } else {
    usage();
  }
}

Arguments read_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int at = 1; at < argc; ++at) {
    if (read_flag(argv[at], arguments)) continue;
    if (at + 1 == argc) usage();
    read_option(argv[at], argv[at + 1], arguments);
    ++at;
  }
  if (arguments.world.hosts < 2 || arguments.world.hosts > 7 || arguments.first > arguments.last) usage();
  return arguments;
}

int main(int argc, char** argv) {
  const Arguments arguments = read_arguments(argc, argv);
  if (arguments.list) {
    for (const Mutant& each : mutants())
      std::printf("%-24s %-8s %3u  %s\n", each.name, each.faults, each.seeds, each.what);
    return 0;
  }
  if (arguments.all_mutants) return find_all_mutants(arguments) ? 0 : 1;
  if (arguments.mutant != nullptr) proxy::broken_rule = arguments.mutant->rule;
  const Totals totals = run(arguments);
  std::printf("simulated: %llu seeds, %llu events, %llu violations\n",
              static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.violations));
  return totals.violations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace netmsg::sim

int main(int argc, char** argv) {
  return netmsg::sim::main(argc, argv);
}
