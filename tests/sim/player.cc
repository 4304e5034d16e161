// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/player.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace netmsg::sim {

namespace {

// What the child writes before the words of the violation and the pairs.
struct Head {
  std::uint64_t events;
  std::uint64_t violated;
  std::uint64_t words;
  std::uint64_t pairs;
};

bool write_all(int out, const void* from, std::size_t size) {
  const char* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t some = write(out, at, size);
    if (some <= 0) return false;
    at += some;
    size -= static_cast<std::size_t>(some);
  }
  return true;
}

bool write_result(int out, const Result& result) {
  const std::string words = result.violation.value_or("");
  const Head head{result.events, result.violation.has_value(), words.size(), result.pairs.size()};
  return write_all(out, &head, sizeof head) && write_all(out, words.data(), words.size()) &&
         write_all(out, result.pairs.data(), result.pairs.size() * sizeof(Coverage::Pair));
}

[[noreturn]] void play_all(const WorldOptions& options, const std::vector<Schedule>& schedules, int out) {
  for (const Schedule& schedule : schedules) {
    if (!write_result(out, play(options, schedule))) break;
  }
  std::_Exit(0);
}

}  // namespace

Result play(WorldOptions options, const Schedule& schedule) {
  options.schedule = schedule;
  World world(options);
  std::optional<std::string> violation = world.play();
  return {world.events(), std::move(violation), world.coverage().pairs()};
}

Player::Player(const WorldOptions& options, const std::vector<Schedule>& schedules) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(stdout);
  child_ = fork();
  if (child_ == 0) {
    close(ends[0]);
    play_all(options, schedules, ends[1]);
  }
  close(ends[1]);
  in_ = ends[0];
}

Player::~Player() {
  close(in_);
  waitpid(child_, nullptr, 0);
}

std::optional<Result> Player::next() {
  Head head{};
  if (!read_all(&head, sizeof head)) return std::nullopt;
  std::string words(head.words, ' ');
  Result result{head.events, {}, std::vector<Coverage::Pair>(head.pairs)};
  if (!read_all(words.data(), words.size())) return std::nullopt;
  if (!read_all(result.pairs.data(), head.pairs * sizeof(Coverage::Pair))) return std::nullopt;
  if (head.violated != 0) result.violation = std::move(words);
  return result;
}

bool Player::read_all(void* to, std::size_t size) const {
  char* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t some = read(in_, at, size);
    if (some <= 0) return false;
    at += some;
    size -= static_cast<std::size_t>(some);
  }
  return true;
}

}  // namespace netmsg::sim
