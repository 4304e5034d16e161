// SPDX-License-Identifier: Apache-2.0
// netmsg_sim: plays worlds, one for each seed, and says which of them broke an invariant (README.md).
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tests/sim/exhaustive.h"
#include "tests/sim/mutants.h"
#include "tests/sim/search.h"

namespace netmsg::sim {
namespace {

struct Arguments {
  WorldOptions world;
  std::uint64_t first = 1;
  std::uint64_t last = 20;
  std::optional<Schedule> schedule = {};  // only that
  bool guided = false;
  const Scope* scope = nullptr;  // to be tried exhaustively
  std::uint64_t states = 20'000;
  std::optional<Path> path = {};  // in it
  const Mutant* mutant = nullptr;
  bool list = false;
  bool list_scopes = false;
  bool all_mutants = false;
};

std::string command(const Arguments& arguments, const Schedule& schedule) {
  const WorldOptions& world = arguments.world;
  std::string words = "netmsg_sim --hosts " + std::to_string(world.hosts) + " --schedule " +
                      in_words(schedule) + " --steps " + std::to_string(world.steps) + " --faults " +
                      name_of(world.faults);
  if (!world.moves) words += " --no-moves";
  if (arguments.mutant != nullptr) words += std::string(" --mutant ") + arguments.mutant->name;
  return words + " --trace";
}

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t events = 0;
  std::uint64_t violations = 0;
};

void count(const Arguments& arguments, const Schedule& schedule, const Result& result, Totals& totals) {
  ++totals.seeds;
  totals.events += result.events;
  if (!result.violation) return;
  ++totals.violations;
  std::printf("seed %llu: %s\n  %s\n", static_cast<unsigned long long>(schedule.seed),
              result.violation->c_str(), command(arguments, schedule).c_str());
}

Totals run_aloud(const Arguments& arguments, Search& search) {
  Totals totals;
  for (std::vector<Schedule> batch = search.next(); !batch.empty(); batch = search.next()) {
    for (const Schedule& schedule : batch)
      count(arguments, schedule, play(arguments.world, schedule), totals);
  }
  return totals;
}

// Is it the rule that is switched off that makes this world fail? Else it proves nothing.
bool fails_anyway(const Arguments& arguments, const Schedule& schedule) {
  const proxy::Rule rule = std::exchange(proxy::broken_rule, proxy::Rule::kNone);
  const std::optional<Result> result = Player(arguments.world, {schedule}).next();
  proxy::broken_rule = rule;
  return !result || result->violation;
}

// Plays a batch; who comes behind one over which the child died is played by another child.
void run_batch(const Arguments& arguments, Search& search, std::vector<Schedule> batch, Totals& totals) {
  while (!batch.empty()) {
    Player player(arguments.world, batch);
    std::size_t played = 0;
    for (bool alive = true; alive && played < batch.size(); ++played) {
      const std::optional<Result> result = player.next();
      alive = result.has_value();
      const Result what = result.value_or(Result{0, "a check of the daemon failed (see above)"});
      search.learn(batch[played], what);
      if (arguments.all_mutants && what.violation && fails_anyway(arguments, batch[played])) continue;
      count(arguments, batch[played], what, totals);
      if (totals.violations > 0 && arguments.all_mutants) return;
    }
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(played));
  }
}

Totals run(const Arguments& arguments, Search& search) {
  if (arguments.world.aloud) return run_aloud(arguments, search);
  Totals totals;
  for (std::vector<Schedule> batch = search.next(); !batch.empty(); batch = search.next()) {
    run_batch(arguments, search, std::move(batch), totals);
    if (totals.violations > 0 && arguments.all_mutants) break;
  }
  return totals;
}

// Each mutant until it is found, with as many hosts, under the faults and within the seeds that its line says.
bool find_all_mutants(Arguments arguments) {
  bool all = true;
  const std::size_t hosts = arguments.world.hosts;
  for (const Mutant& each : mutants()) {
    arguments.mutant = &each;
    arguments.world.faults = *fault_set(each.faults);
    arguments.world.hosts = std::max(hosts, each.hosts);
    const std::uint64_t first = arguments.first - 1 + each.first;
    SeedRange seeds(first, first + each.seeds - 1);
    proxy::broken_rule = each.rule;
    const Totals totals = run(arguments, seeds);
    all = all && totals.violations > 0;
    std::printf("%s %s in %llu seeds\n", totals.violations > 0 ? "found" : "MISSED", each.name,
                static_cast<unsigned long long>(totals.seeds));
  }
  return all;
}

// The last line; `more` goes on with it. Returns the exit code.
int report(const Totals& totals, const std::string& more = {}) {
  std::printf("simulated: %llu seeds, %llu events, %llu violations%s\n",
              static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.violations), more.c_str());
  return totals.violations == 0 ? 0 : 1;
}

int search_guided(const Arguments& arguments) {
  GuidedSearch search(arguments.first, arguments.last);
  const Totals totals = run(arguments, search);
  return report(
      totals,
      std::string(", ").append(std::to_string(search.pairs())).append(" pairs of a state and an event"));
}

int try_everything(const Arguments& arguments) {
  const std::string options =
      arguments.mutant == nullptr ? "" : std::string(" --mutant ") + arguments.mutant->name;
  const Explored found = arguments.path ? follow(*arguments.scope, *arguments.path)
                                        : explore(*arguments.scope, arguments.states, options);
  std::string more = ", ";
  more.append(std::to_string(found.states)).append(" states");
  if (found.waiting > 0) more.append(", ").append(std::to_string(found.waiting)).append(" paths left");
  return report({found.paths, found.events, found.violations}, more);
}

void usage() {
  std::fprintf(
      stderr,
      "usage: netmsg_sim [--hosts 2..7] [--seeds A..B] [--steps N] [--faults none|blips|cuts|crashes|all]\n"
      "                  [--mutant NAME] [--guided] [--no-moves] [--trace]\n"
      "       netmsg_sim --schedule S [--hosts N] [--steps N] [--faults F] [--mutant NAME] [--trace]\n"
      "       netmsg_sim --exhaustive SCOPE [--states N] [--path P --trace] [--mutant NAME]\n"
      "       netmsg_sim --list-mutants | --list-scopes\n"
      "       netmsg_sim --all-mutants [--hosts N] [--steps N]\n");
  std::exit(2);
}

// All of the text is the number.
std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) usage();
  return value;
}

void read_seeds(std::string_view text, Arguments& arguments) {
  const std::size_t dots = text.find("..");
  arguments.first = arguments.last = number(text.substr(0, dots));
  if (dots != std::string_view::npos) arguments.last = number(text.substr(dots + 2));
}

// Options without a value.
bool read_flag(const std::string& flag, Arguments& arguments) {
  if (flag == "--trace") return arguments.world.aloud = true;
  if (flag == "--guided") return arguments.guided = true;
  if (flag == "--no-moves") return !(arguments.world.moves = false);
  if (flag == "--list-scopes") return arguments.list_scopes = true;
  if (flag == "--list-mutants") return arguments.list = true;
  return flag == "--all-mutants" && (arguments.all_mutants = true);
}

void read_option(const std::string& option, const char* value, Arguments& arguments) {
  if (option == "--hosts") {
    arguments.world.hosts = number(value);
  } else if (option == "--seeds") {
    read_seeds(value, arguments);
  } else if (option == "--schedule") {
    arguments.schedule = read_schedule(value);
    if (!arguments.schedule) usage();
  } else if (option == "--exhaustive") {
    arguments.scope = find_scope(value);
    if (arguments.scope == nullptr) usage();
  } else if (option == "--states") {
    arguments.states = number(value);
  } else if (option == "--path") {
    arguments.path = read_path(value);
    if (!arguments.path) usage();
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
  if (arguments.list_scopes) {
    for (const Scope& each : scopes()) std::printf("%-12s %s\n", each.name, each.what);
    return 0;
  }
  if (arguments.all_mutants) return find_all_mutants(arguments) ? 0 : 1;
  if (arguments.mutant != nullptr) proxy::broken_rule = arguments.mutant->rule;
  if (arguments.scope != nullptr) return try_everything(arguments);
  if (arguments.guided) return search_guided(arguments);
  if (arguments.schedule) {
    OneSchedule one(*arguments.schedule);
    return report(run(arguments, one));
  }
  SeedRange seeds(arguments.first, arguments.last);
  return report(run(arguments, seeds));
}

}  // namespace
}  // namespace netmsg::sim

int main(int argc, char** argv) {
  return netmsg::sim::main(argc, argv);
}
