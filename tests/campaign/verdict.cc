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

Verdict::Verdict(const std::vector<Life>& lives, const FaultLog& faults, Clock::time_point rest)
    : faults_(faults), rest_(rest) {
  for (const Life& life : lives) read(life);
  for (auto& [id, stream] : streams_) judge(id, stream);
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
      if (record.number >= stream.tried.size()) stream.tried.resize(record.number + 1);
      stream.tried[record.number] = time_of(record);
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

void Verdict::judge(const StreamId& id, Stream& stream) {
  if (stream.opener == nullptr) return say(id, "was opened by nobody");
  if (stream.received.size() > stream.tried.size()) say(id, "more arrived than was sent");
  judge_order(id, stream);
  judge_answers(id, stream);
  if (stream.lost) {
    if (!is_explained(stream)) say(id, "its right died without a cause");
  } else if (stream.opener->alive) {
    judge_rest(id, stream);
  }
}

void Verdict::judge_order(const StreamId& id, Stream& stream) {
  std::stable_sort(stream.received.begin(), stream.received.end(),
                   [](const Arrival& one, const Arrival& other) { return one.at < other.at; });
  bool in_order = true;
  bool one_receiver = true;
  std::uint32_t next = 0;
  for (const Arrival& arrival : stream.received) {
    in_order = in_order && arrival.number >= next;
    for (; next < arrival.number; ++next) in_order = in_order && may_lack(stream, next, time_of(arrival));
    next = arrival.number + 1;
    one_receiver = one_receiver && arrival.receiver == stream.received.front().receiver;
  }
  if (!in_order) say(id, "arrived out of order: " + text_of(stream.received));
  if (!one_receiver && stream.target != kTraveller) say(id, "has two receivers");
}

void Verdict::judge_answers(const StreamId& id, const Stream& stream) {
  std::vector<bool> unseen = stream.answered;
  for (const Arrival& arrival : stream.received) {
    if (arrival.number < unseen.size()) unseen[arrival.number] = false;
  }
  if (std::find(unseen.begin(), unseen.end(), true) != unseen.end()) say(id, "what was acknowledged is lost");
}

// For a stream whose right and whose opener live.
void Verdict::judge_rest(const StreamId& id, const Stream& stream) {
  const auto answered =
      static_cast<std::uint32_t>(std::count(stream.answered.begin(), stream.answered.end(), true));
  for (std::uint32_t number = 0; number < stream.sent; ++number) {
    if (number < stream.answered.size() && stream.answered[number]) continue;
    if (may_lack(stream, number, rest_)) continue;
    return say(id, std::string(stream.target == kTraveller ? "its port travels" : "its port stays") + ", " +
                       std::to_string(stream.sent) + " were sent, " + std::to_string(answered) +
                       " answered, but not " + std::to_string(number) + "; received " +
                       text_of(stream.received));
  }
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

bool Verdict::is_explained(const Stream& stream) const {
  if (stream.target == kTraveller) return faults_.explains(stream.opened, *stream.lost);
  return faults_.explains(stream.opener->host, stream.target / kSlots, stream.target % kSlots, stream.opened,
                          *stream.lost);
}

// Whether that message, or its answer, may not have come until then.
bool Verdict::may_lack(const Stream& stream, std::uint32_t number, Clock::time_point until) const {
  return stream.target == kTraveller && number < stream.tried.size() &&
         faults_.parts_hosts(stream.tried[number], until);
}

void Verdict::say(const StreamId& id, const std::string& what) {
  violations_.push_back("stream " + std::to_string(id.second) + " of life " + std::to_string(id.first) +
                        ": " + what);
}

}  // namespace netmsg::campaign
