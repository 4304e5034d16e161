// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/exhaustive.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <system_error>
#include <unordered_set>

namespace netmsg::sim {

namespace {

constexpr std::size_t kDepthMax = 60;
constexpr std::uint64_t kViolationsMax = 10;  // then it is enough

// What the child has done so far, also when it has died over something.
struct Progress {
  Explored explored;
  std::uint8_t path[kDepthMax];
  std::size_t depth;
};

class Explorer {
 public:
  Explorer(const Scope& scope, std::uint64_t states_max, std::string options, Progress& progress)
      : scope_(scope),
        states_max_(states_max),
        options_(std::move(options)),
        progress_(progress),
        explored_(progress.explored) {}

  void run() {
    waiting_.emplace_back();
    while (!waiting_.empty() && explored_.states < states_max_ && explored_.violations < kViolationsMax) {
      std::swap(waiting_[random_.below(waiting_.size())], waiting_.back());
      Path path = std::move(waiting_.back());
      waiting_.pop_back();
      play(std::move(path));
      explored_.waiting = waiting_.size();
    }
  }

 private:
  void play(Path path) {
    SmallWorld world(scope_, false);
    for (const std::uint8_t choice : path) {
      (void)world.choices();
      world.take(choice);
    }
    note(path);
    while (go_on(world, path)) note(path);
    ++explored_.paths;
    explored_.events += world.events();
    if (world.verdict()) accuse(path, *world.verdict());
  }

  // False: this is a state that was met before, or the end.
  bool go_on(SmallWorld& world, Path& path) {
    if (world.verdict() || !seen_.insert(world.digest()).second) return false;
    ++explored_.states;
    const std::size_t choices = path.size() < kDepthMax ? world.choices() : 0;
    if (choices == 0) {
      world.finish();
      return false;
    }
    path.push_back(0);
    for (std::size_t other = 1; other < choices; ++other) {
      waiting_.push_back(path);
      waiting_.back().back() = static_cast<std::uint8_t>(other);
    }
    world.take(0);
    return true;
  }

  void note(const Path& path) {
    progress_.depth = path.size();
    std::copy(path.begin(), path.end(), progress_.path);
  }

  void accuse(const Path& path, const std::string& what) {
    ++explored_.violations;
    std::printf("path %s: %s\n  netmsg_sim --exhaustive %s --path %s%s --trace\n", in_words(path).c_str(),
                what.c_str(), scope_.name, in_words(path).c_str(), options_.c_str());
    std::fflush(stdout);
  }

  const Scope& scope_;
  const std::uint64_t states_max_;
  const std::string options_;
  Progress& progress_;
  Explored& explored_;
  Random random_{Schedule{}};
  std::vector<Path> waiting_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

std::string in_words(const Path& path) {
  std::string words;
  for (const std::uint8_t choice : path)
    words.append(words.empty() ? "" : ".").append(std::to_string(choice));
  return words;
}

std::optional<Path> read_path(const std::string& words) {
  Path path;
  std::istringstream in(words);
  for (std::string each; std::getline(in, each, '.');) {
    const char* const end = each.data() + each.size();
    const auto [stopped, error] = std::from_chars(each.data(), end, path.emplace_back());
    if (error != std::errc() || stopped != end) return std::nullopt;
  }
  return path;
}

Explored explore(const Scope& scope, std::uint64_t states_max, const std::string& options) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  Progress& progress = *new (shared) Progress{};
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    Explorer(scope, states_max, options, progress).run();
    std::_Exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Explored explored = progress.explored;
  if (status != 0) {
    ++explored.violations;
    const std::string path = in_words(Path(progress.path, progress.path + progress.depth));
    std::printf(
        "path %s: a check of the daemon failed (see above)\n  netmsg_sim --exhaustive %s --path %s%s "
        "--trace\n",
        path.c_str(), scope.name, path.c_str(), options.c_str());
  }
  munmap(shared, sizeof(Progress));
  return explored;
}

Explored follow(const Scope& scope, const Path& path) {
  SmallWorld world(scope, true);
  for (const std::uint8_t choice : path) {
    if (world.verdict() || choice >= world.choices()) break;
    world.take(choice);
  }
  world.finish();
  if (world.verdict()) std::printf("%s\n", world.verdict()->c_str());
  return {1, world.events(), world.verdict() ? 1U : 0U};
}

}  // namespace netmsg::sim
