// SPDX-License-Identifier: Apache-2.0
#include "tests/campaign/fault_log.h"

#include <algorithm>

namespace netmsg::campaign {

namespace {

// A lease, and what it takes to act on it; and how much of it must have been silent. (Less than a lease: dialing
// again takes its time.)
constexpr std::chrono::seconds kMemory{12};
constexpr std::chrono::milliseconds kEnough{2000};

}  // namespace

void FaultLog::ended(unsigned host, std::optional<unsigned> slot) {
  ends_.push_back({host, slot, Clock::now()});
}

void FaultLog::unheard(unsigned one, unsigned other) {
  silences_.push_back({std::min(one, other), std::max(one, other), Clock::now(), std::nullopt});
}

void FaultLog::heard(unsigned one, unsigned other) {
  for (Silence& silence : silences_) {
    if (silence.one == std::min(one, other) && silence.other == std::max(one, other) && !silence.to)
      silence.to = Clock::now();
  }
}

bool FaultLog::explains(unsigned from, unsigned to, unsigned slot, Clock::time_point opened,
                        Clock::time_point at) const {
  const bool ended = std::any_of(ends_.begin(), ends_.end(), [&](const End& end) {
    const bool opener = end.host == from && !end.slot;
    const bool target = end.host == to && end.slot.value_or(slot) == slot;
    return (opener || target) && end.at <= at && end.at + kMemory >= opened;
  });
  return ended || (from != to && silence_before(from, to, at) >= kEnough);
}

bool FaultLog::explains(Clock::time_point opened, Clock::time_point at) const {
  const auto in_time = [&](Clock::time_point from, Clock::time_point to) {
    return from <= at && to + kMemory >= opened;
  };
  return std::any_of(ends_.begin(), ends_.end(), [&](const End& end) { return in_time(end.at, end.at); }) ||
         std::any_of(silences_.begin(), silences_.end(),
                     [&](const Silence& silence) { return in_time(silence.from, silence.to.value_or(at)); });
}

bool FaultLog::parts_hosts(Clock::time_point since, Clock::time_point until) const {
  const auto daemon_ended = [&](const End& end) {
    return !end.slot && end.at <= until && end.at + kMemory >= since;
  };
  const auto long_silence = [&](const Silence& silence) {
    const Clock::time_point end = std::min(silence.to.value_or(until), until);
    return end - silence.from >= kEnough && end + kMemory >= since;
  };
  return std::any_of(ends_.begin(), ends_.end(), daemon_ended) ||
         std::any_of(silences_.begin(), silences_.end(), long_silence);
}

Clock::duration FaultLog::silence_before(unsigned from, unsigned to, Clock::time_point at) const {
  Clock::duration sum{0};
  for (const Silence& silence : silences_) {
    const bool stopped = silence.one == silence.other && (silence.one == from || silence.one == to);
    const bool apart = silence.one == std::min(from, to) && silence.other == std::max(from, to);
    if (!stopped && !apart) continue;
    const Clock::time_point begin = std::max(silence.from, at - kMemory);
    const Clock::time_point end = std::min(silence.to.value_or(at), at);
    if (end > begin) sum += end - begin;
  }
  return sum;
}

}  // namespace netmsg::campaign
