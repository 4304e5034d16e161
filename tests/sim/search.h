// SPDX-License-Identifier: Apache-2.0
// Which schedules are played: one after the other, or those that promise something new.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tests/sim/player.h"

namespace netmsg::sim {

// "7,1204:99"; nullopt if it is not one.
std::optional<Schedule> read_schedule(const std::string& words);
std::string in_words(const Schedule& schedule);

class Search {
 public:
  virtual ~Search() = default;
  // The next to be played, in one go; none: that was all.
  virtual std::vector<Schedule> next() = 0;
  // What came of one.
  virtual void learn(const Schedule& schedule, const Result& result) = 0;
};

// All seeds of a range.
class SeedRange final : public Search {
 public:
  SeedRange(std::uint64_t first, std::uint64_t last) : next_(first), last_(last) {}
  std::vector<Schedule> next() override;
  void learn(const Schedule&, const Result&) override {}

 private:
  std::uint64_t next_;
  const std::uint64_t last_;
};

class OneSchedule final : public Search {
 public:
  explicit OneSchedule(Schedule schedule) : left_{std::move(schedule)} {}
  std::vector<Schedule> next() override { return std::exchange(left_, {}); }
  void learn(const Schedule&, const Result&) override {}

 private:
  std::vector<Schedule> left_;
};

// As many worlds as the range has seeds. Where one has shown a pair that none had shown before (Coverage), others begin
// as it did and go on differently, from shortly before that or after it.
class GuidedSearch final : public Search {
 public:
  GuidedSearch(std::uint64_t first, std::uint64_t last)
      : fresh_(first), left_(last - first + 1), random_(Schedule{first}) {}
  std::vector<Schedule> next() override;
  void learn(const Schedule& schedule, const Result& result) override;

  std::size_t pairs() const { return seen_.size(); }

 private:
  struct Find {
    Schedule schedule;
    std::uint64_t draw;  // where the new pair was seen
  };

  Schedule diverge(const Find& find);

  std::uint64_t fresh_;  // the next seed
  std::uint64_t left_;   // worlds
  Random random_;
  std::vector<Find> finds_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace netmsg::sim
