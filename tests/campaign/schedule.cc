// SPDX-License-Identifier: Apache-2.0
#include "tests/campaign/schedule.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>

#include "tests/campaign/journal.h"

namespace netmsg::campaign {

namespace {

using std::chrono::milliseconds;

constexpr double kShortest_ms = 100;
constexpr double kLongestCut_ms = 60000;
constexpr double kLongestStop_ms = 8000;
constexpr milliseconds kQuietEnd{1000};  // of a phase: nothing is started any more

struct Name {
  Act act;
  const char* name;
};
constexpr Name kNames[] = {
    {Act::kKillWorker, "kill worker"}, {Act::kKillDaemon, "kill daemon"},
    {Act::kStopDaemon, "stop daemon"}, {Act::kStopWorker, "stop worker"},
    {Act::kCut, "cut link"},           {Act::kSilence, "silence link"},
    {Act::kHoldThere, "hold there"},   {Act::kHoldBack, "hold back"},
    {Act::kThrottle, "throttle link"}, {Act::kDelay, "delay link"},
    {Act::kReset, "reset link"},       {Act::kHalfClose, "half-close link"},
    {Act::kBurst, "burst on link"},
};

class Maker {
 public:
  explicit Maker(const ScheduleOptions& options) : options_(options), random_(options.seed) {}

  Phase phase(unsigned kills) {
    Phase made;
    made.length = milliseconds(kills * options_.every_ms) + kQuietEnd;
    end_ = made.length - kQuietEnd;
    for (unsigned kill = 0; kill < kills; ++kill) made.steps.push_back(kill_at(random_time()));
    for (unsigned link = 0; link < pairs_of(options_.hosts).size(); ++link) add_link_faults(made, link);
    for (unsigned host = 0; host < options_.hosts; ++host) add_stops(made, host);
    std::stable_sort(made.steps.begin(), made.steps.end(),
                     [](const Step& one, const Step& other) { return one.at < other.at; });
    return made;
  }

 private:
  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  milliseconds random_time() { return milliseconds(roll(static_cast<unsigned>(end_.count()))); }

  // As many short ones as long ones, whatever short and long are.
  milliseconds lasting(double longest_ms) {
    const double share = (static_cast<double>(random_() % 10000)) / 10000;
    return milliseconds(std::llround(kShortest_ms * std::pow(longest_ms / kShortest_ms, share)));
  }

  Step kill_at(milliseconds at) {
    if (roll(4) == 0) return {at, Act::kKillDaemon, roll(options_.hosts), {}};
    return {at, Act::kKillWorker, roll(options_.hosts * kSlots), {}};
  }

  void add_link_faults(Phase& phase, unsigned link) {
    constexpr Act kActs[] = {Act::kCut,      Act::kCut,   Act::kSilence, Act::kHoldThere, Act::kHoldBack,
                             Act::kThrottle, Act::kDelay, Act::kReset,   Act::kHalfClose, Act::kBurst};
    for (milliseconds at(500 + roll(3000)); at < end_;) {
      const Act act = kActs[roll(std::size(kActs))];
      const bool at_once = act == Act::kReset || act == Act::kHalfClose;
      const milliseconds time = at_once ? milliseconds(0) : std::min(lasting(kLongestCut_ms), end_ - at);
      phase.steps.push_back({at, act, link, time});
      at += time + milliseconds(500 + roll(4000));
    }
  }

  void add_stops(Phase& phase, unsigned host) {
    for (milliseconds at(roll(10000)); at < end_; at += milliseconds(10000 + roll(10000))) {
      const Act act = roll(2) == 0 ? Act::kStopDaemon : Act::kStopWorker;
      const unsigned where = act == Act::kStopDaemon ? host : host * kSlots + roll(kSlots);
      phase.steps.push_back({at, act, where, std::min(lasting(kLongestStop_ms), end_ - at)});
    }
  }

  const ScheduleOptions options_;
  std::mt19937 random_;
  milliseconds end_{0};
};

}  // namespace

std::string name_of(Act act) {
  const auto found =
      std::find_if(std::begin(kNames), std::end(kNames), [act](const Name& row) { return row.act == act; });
  return found->name;
}

std::string text_of(const Step& step) {
  std::string text =
      std::to_string(step.at.count()) + " ms: " + name_of(step.act) + " " + std::to_string(step.where);
  if (step.lasting.count() != 0) text += " for " + std::to_string(step.lasting.count()) + " ms";
  return text;
}

std::vector<std::pair<unsigned, unsigned>> pairs_of(unsigned hosts) {
  std::vector<std::pair<unsigned, unsigned>> pairs;
  for (unsigned one = 0; one < hosts; ++one) {
    for (unsigned other = one + 1; other < hosts; ++other) pairs.emplace_back(one, other);
  }
  return pairs;
}

std::vector<Phase> make_schedule(const ScheduleOptions& options) {
  Maker maker(options);
  std::vector<Phase> phases;
  for (unsigned phase = 0; phase < options.phases; ++phase) {
    const unsigned begin = options.kills * phase / options.phases;
    phases.push_back(maker.phase(options.kills * (phase + 1) / options.phases - begin));
  }
  return phases;
}

}  // namespace netmsg::campaign
