// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/search.h"

#include <algorithm>
#include <cstdlib>

namespace netmsg::sim {

namespace {

constexpr std::uint64_t kBatch = 64;  // schedules that one child plays
constexpr std::size_t kTurnsMax = 8;  // of a schedule that is diverged from
constexpr unsigned kNear = 60;        // draws around a find

// Consumes it.
bool read_number(const char*& at, std::uint64_t& value) {
  char* end = nullptr;
  value = std::strtoull(at, &end, 10);
  const bool found = end != at;
  at = end;
  return found;
}

}  // namespace

std::optional<Schedule> read_schedule(const std::string& words) {
  const char* at = words.c_str();
  Schedule made;
  if (!read_number(at, made.seed)) return std::nullopt;
  while (*at == ',') {
    Schedule::Turn turn{};
    if (!read_number(++at, turn.draw) || *at != ':' || !read_number(++at, turn.seed)) return std::nullopt;
    made.turns.push_back(turn);
  }
  return *at == 0 ? std::optional(made) : std::nullopt;
}

std::string in_words(const Schedule& schedule) {
  std::string words = std::to_string(schedule.seed);
  for (const Schedule::Turn& turn : schedule.turns)
    words.append(",").append(std::to_string(turn.draw)).append(":").append(std::to_string(turn.seed));
  return words;
}

std::vector<Schedule> SeedRange::next() {
  std::vector<Schedule> batch;
  while (next_ <= last_ && batch.size() < kBatch) batch.push_back({next_++});
  return batch;
}

// Half are seeds of their own; of the others half go on from one of the last finds.
std::vector<Schedule> GuidedSearch::next() {
  std::vector<Schedule> batch;
  for (; left_ > 0 && batch.size() < kBatch; --left_) {
    if (finds_.empty() || random_.one_in(2)) {
      batch.push_back({fresh_++});
      continue;
    }
    const std::size_t recent =
        random_.one_in(2) ? std::min<std::size_t>(finds_.size(), kBatch) : finds_.size();
    batch.push_back(diverge(finds_[finds_.size() - 1 - random_.below(recent)]));
  }
  return batch;
}

Schedule GuidedSearch::diverge(const Find& find) {
  Schedule made = find.schedule;
  const std::uint64_t around = find.draw + random_.below(kNear);
  const std::uint64_t draw = around > kNear / 2 ? around - kNear / 2 : 0;
  while (!made.turns.empty() && (made.turns.back().draw >= draw || made.turns.size() >= kTurnsMax))
    made.turns.pop_back();
  made.turns.push_back({draw, fresh_++});
  return made;
}

void GuidedSearch::learn(const Schedule& schedule, const Result& result) {
  std::optional<std::uint64_t> last;
  for (const Coverage::Pair& pair : result.pairs) {
    if (seen_.insert(pair.id).second) last = pair.draw;
  }
  if (last) finds_.push_back({schedule, *last});
}

}  // namespace netmsg::sim
