// SPDX-License-Identifier: Apache-2.0
// netmsg_campaign: three real daemons with workers on them, whose links, daemons and workers suffer what the seed's
// schedule says (README.md). Exit status 0: nothing that must hold was broken.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <thread>

#include "tests/campaign/fleet.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"

namespace netmsg::campaign {
namespace {

using std::chrono::milliseconds;

// After everything is healed. Programs with a sanitizer take several times as long for the same.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr milliseconds kConvergence{30000};
#else
constexpr milliseconds kConvergence{10000};
#endif

struct Ending {
  milliseconds at;
  Step step;
  bool operator<(const Ending& other) const { return at > other.at; }  // the first one is on top
};

class Campaign {
 public:
  Campaign(std::uint32_t seed, const std::string& rights) : fleet_(seed, rights) {}

  void play(const Phase& phase) {
    begin_ = Clock::now();
    for (const Step& step : phase.steps) {
      end_until(step.at);
      wait_until(step.at);
      fleet_.begin(step);
      if (step.lasting.count() != 0) endings_.push({step.at + step.lasting, step});
    }
    end_until(phase.length);
    wait_until(phase.length);
  }

  // How long it took until all was at rest and in balance.
  void converge() {
    fleet_.set_mode(Mode::kRest);
    fleet_.heal();
    const Clock::time_point healed = Clock::now();
    std::string unrest;
    do {
      unrest = fleet_.unrest();
    } while (!unrest.empty() && Clock::now() < healed + kConvergence);
    const auto taken = std::chrono::duration_cast<milliseconds>(Clock::now() - healed);
    if (!unrest.empty()) say("after " + std::to_string(taken.count()) + " ms still: " + unrest);
    judge(taken);
    fleet_.set_mode(Mode::kWork);
  }

  void count_up(const Verdict& verdict) const {
    std::printf(
        "  %u kills, %llu streams, %llu lost by faults, %llu messages sent, %llu received\n", fleet_.kills(),
        static_cast<unsigned long long>(verdict.streams()), static_cast<unsigned long long>(verdict.lost()),
        static_cast<unsigned long long>(verdict.sent()), static_cast<unsigned long long>(verdict.received()));
  }

  unsigned violations() const { return violations_; }
  unsigned kills() const { return fleet_.kills(); }

 private:
  void wait_until(milliseconds at) const { std::this_thread::sleep_until(begin_ + at); }

  void end_until(milliseconds at) {
    for (; !endings_.empty() && endings_.top().at <= at; endings_.pop()) {
      wait_until(endings_.top().at);
      fleet_.end(endings_.top().step);
    }
  }

  void judge(milliseconds taken) {
    for (const std::string& trouble : fleet_.troubles()) say(trouble);
    for (const std::string& name : fleet_.unexplained()) say(name);
    const Verdict verdict = fleet_.verdict();
    for (const std::string& violation : verdict.violations()) say(violation);
    std::printf("at rest and balanced after %lld ms\n", static_cast<long long>(taken.count()));
    count_up(verdict);
    std::fflush(stdout);
  }

  void say(const std::string& what) {
    ++violations_;
    std::printf("VIOLATION: %s\n", what.c_str());
  }

  Fleet fleet_;
  Clock::time_point begin_;
  std::priority_queue<Ending> endings_;
  unsigned violations_ = 0;
};

void list(const std::vector<Phase>& phases) {
  for (const Phase& phase : phases) {
    std::printf("phase of %lld ms\n", static_cast<long long>(phase.length.count()));
    for (const Step& step : phase.steps) std::printf("  %s\n", text_of(step).c_str());
  }
}

int run(const ScheduleOptions& options, const std::string& rights, bool only_list) {
  const std::vector<Phase> phases = make_schedule(options);
  std::printf("netmsg_campaign --seed %u --kills %u --phases %u --every %u --rights %s\n", options.seed,
              options.kills, options.phases, options.every_ms, rights.c_str());
  list(phases);
  std::fflush(stdout);
  if (only_list) return 0;
  Campaign campaign(options.seed, rights);
  for (const Phase& phase : phases) {
    campaign.play(phase);
    campaign.converge();
  }
  std::printf("campaign: %u kills, %u violations\n", campaign.kills(), campaign.violations());
  return campaign.violations() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace netmsg::campaign

int main(int argc, char** argv) {
  netmsg::campaign::ScheduleOptions options;
  options.seed = netmsg::test::chosen_seed();
  options.kills = static_cast<unsigned>(netmsg::test::scaled(static_cast<int>(options.kills)));
  bool only_list = false;
  std::string rights = "own";
  for (int at = 1; at < argc; ++at) {
    const std::string word = argv[at];
    if (word == "--list") {
      only_list = true;
      continue;
    }
    if (at + 1 == argc) return 2;
    if (word == "--rights") {
      rights = argv[++at];
      continue;
    }
    const auto number = static_cast<unsigned>(std::strtoul(argv[++at], nullptr, 10));
    if (word == "--seed") {
      options.seed = number;
    } else if (word == "--kills") {
      options.kills = number;
    } else if (word == "--phases") {
      options.phases = number;
    } else if (word == "--every") {
      options.every_ms = number;
    } else {
      return 2;
    }
  }
  return netmsg::campaign::run(options, rights, only_list);
}
