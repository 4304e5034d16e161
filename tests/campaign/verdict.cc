// SPDX-License-Identifier: Apache-2.0
#include "tests/campaign/verdict.h"

#include <algorithm>

namespace netmsg::campaign {

namespace {

template <typename Timed>
Clock::time_point time_of(const Timed& timed) {
  return Clock::time_point(Clock::duration(timed.at));
}

}  // namespace

Verdict::Verdict(const std::vector<Life>& lives, const FaultLog& faults) {
  for (const Life& life : lives) read(life);
  for (auto& [id, stream] : streams_) judge(id, stream, faults);
}

void Verdict::read(const Life& life) {
  for (std::uint64_t at = 0, size = life.journal->size(); at < size; ++at) take(life, (*life.journal)[at]);
}

void Verdict::take(const Life& life, const Record& record) {
  Stream& stream = streams_[{record.life, record.stream}];
  switch (record.event) {
    case Event::kOpened:
      stream.opener = &life;
      stream.target = record.number;
      stream.opened = time_of(record);
      return;
    case Event::kTried:
      stream.tried = record.number + 1;
      return;
    case Event::kSent:
      stream.sent = record.number + 1;
      ++sent_;
      return;
    case Event::kAnswered:
      if (record.number >= stream.answered.size()) stream.answered.resize(record.number + 1);
      if (stream.answered[record.number]) say({record.life, record.stream}, "answered twice");
      stream.answered[record.number] = true;
      return;
    case Event::kLost:
      stream.lost = time_of(record);
      ++lost_;
      return;
    case Event::kReceived:
      stream.received.push_back({record.at, record.number, life.number});
      ++received_;
      return;
  }
}

void Verdict::judge(const StreamId& id, Stream& stream, const FaultLog& faults) {
  const auto answered =
      static_cast<std::uint32_t>(std::count(stream.answered.begin(), stream.answered.end(), true));
  if (stream.opener == nullptr) return say(id, "was opened by nobody");
  judge_order(id, stream, faults);
  if (stream.received.size() > stream.tried) say(id, "more arrived than was sent");
  if (answered > stream.received.size()) say(id, "what was acknowledged is lost");
  if (stream.lost) {
    if (!is_explained(stream, faults)) say(id, "its right died without a cause");
    return;
  }
  if (!stream.opener->alive) return;
  if (stream.has_gap) return;
  if (stream.received.size() != stream.sent || answered != stream.sent) {
    say(id, "lives; of " + std::to_string(stream.sent) + " sent " + std::to_string(stream.received.size()) +
                " were received and " + std::to_string(answered) + " answered");
  }
}

void Verdict::judge_order(const StreamId& id, Stream& stream, const FaultLog& faults) {
  std::stable_sort(stream.received.begin(), stream.received.end(),
                   [](const Arrival& one, const Arrival& other) { return one.at < other.at; });
  bool in_order = true;
  bool one_receiver = true;
  std::uint32_t next = 0;
  for (const Arrival& arrival : stream.received) {
    in_order = in_order && arrival.number >= next;
    if (arrival.number > next && in_order) {
      stream.has_gap = true;
      in_order = stream.target == kTraveller && faults.parts_hosts(stream.opened, time_of(arrival));
    }
    next = arrival.number + 1;
    one_receiver = one_receiver && arrival.receiver == stream.received.front().receiver;
  }
  if (!in_order) say(id, "arrived out of order: " + text_of(stream.received));
  if (!one_receiver && stream.target != kTraveller) say(id, "has two receivers");
}

// Which numbers came in a row, and to which life.
std::string Verdict::text_of(const std::vector<Arrival>& received) {
  std::string text;
  for (auto first = received.begin(); first != received.end();) {
    auto last = first;
    while (last + 1 != received.end() && last[1].number == last->number + 1 &&
           last[1].receiver == last->receiver)
      ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(first->number) + "-" + std::to_string(last->number) +
            " at life " + std::to_string(first->receiver);
    first = last + 1;
  }
  return text;
}

bool Verdict::is_explained(const Stream& stream, const FaultLog& faults) {
  if (stream.target == kTraveller) return faults.explains(stream.opened, *stream.lost);
  return faults.explains(stream.opener->host, stream.target / kSlots, stream.target % kSlots, stream.opened,
                         *stream.lost);
}

void Verdict::say(const StreamId& id, const std::string& what) {
  violations_.push_back("stream " + std::to_string(id.second) + " of life " + std::to_string(id.first) +
                        ": " + what);
}

}  // namespace netmsg::campaign
