// SPDX-License-Identifier: Apache-2.0
#include "tests/campaign/verdict.h"

#include <algorithm>

namespace netmsg::campaign {

namespace {

Clock::time_point time_of(const Record& record) {
  return Clock::time_point(Clock::duration(record.at));
}

}  // namespace

Verdict::Verdict(const std::vector<Life>& lives, const FaultLog& faults) {
  for (const Life& life : lives) read(life);
  for (const auto& [id, stream] : streams_) judge(id, stream, faults);
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
      return receive(life, record, stream);
  }
}

void Verdict::receive(const Life& life, const Record& record, Stream& stream) {
  const StreamId id{record.life, record.stream};
  ++received_;
  if (stream.received != 0 && stream.receiver != life.number) say(id, "has two receivers");
  if (record.number != stream.received) {
    say(id, "number " + std::to_string(record.number) + " arrived after " + std::to_string(stream.received) +
                " others");
  }
  stream.receiver = life.number;
  stream.received = record.number + 1;
}

void Verdict::judge(const StreamId& id, const Stream& stream, const FaultLog& faults) {
  const auto answered =
      static_cast<std::uint32_t>(std::count(stream.answered.begin(), stream.answered.end(), true));
  if (stream.opener == nullptr) return say(id, "was opened by nobody");
  if (stream.received > stream.tried) say(id, "more arrived than was sent");
  if (stream.answered.size() > stream.received) say(id, "what was acknowledged is lost");
  if (stream.lost) {
    if (!faults.explains(stream.opener->host, stream.target / kSlots, stream.target % kSlots, stream.opened,
                         *stream.lost))
      say(id, "its right died without a cause");
    return;
  }
  if (!stream.opener->alive) return;
  if (stream.received != stream.sent || answered != stream.sent) {
    say(id, "lives; of " + std::to_string(stream.sent) + " sent " + std::to_string(stream.received) +
                " were received and " + std::to_string(answered) + " answered");
  }
}

void Verdict::say(const StreamId& id, const std::string& what) {
  violations_.push_back("stream " + std::to_string(id.second) + " of life " + std::to_string(id.first) +
                        ": " + what);
}

}  // namespace netmsg::campaign
