// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/mutant.h"
#include "proxy/staging.h"

namespace netmsg::proxy {

namespace {

constexpr std::uint64_t kGrowth = 3;  // bytes that may be written for each that they have acknowledged

}  // namespace

Check Session::expect(FrameNumber number) const {
  if (number == applied_ + 1 || broken(Rule::kResumeAfterApplied)) return std::nullopt;
  return protocol_error("frame out of order");
}

void Session::count_applied() {
  ++applied_;
  if (!ack_due_) ack_due_ = heard_ + timing_.ack_delay;
}

void Session::count_chunk(std::uint64_t data, std::uint64_t thanks_after) {
  count_applied();
  unthanked_data_ += data;
  if (unthanked_data_ >= thanks_after) ack_due_ = heard_;
}

Check Session::acknowledge(FrameNumber number) {
  if (number < acknowledged_ || number > written_) return protocol_error("impossible acknowledgement");
  for (; acknowledged_ < number; ++acknowledged_) {
    const Kept& first = kept_.front();
    kept_bytes_ -= first.size();
    bulk_under_way_ -= first.data();
    if (may_write_) *may_write_ += kGrowth * (first.size() + first.data());
    if (!first.chunk) bytes_.drop(first.bytes.size());
    kept_.pop_front();
  }
  return std::nullopt;
}

Check Session::resume(FrameNumber number, base::Instant now) {
  if (broken(Rule::kResumeAfterApplied)) number = acknowledged_;
  if (Check fault = acknowledge(number)) return fault;
  if (!broken(Rule::kResumeFromApplied)) written_ = number;
  may_write_ = kResumeBytes;
  heard_ = now;
  return std::nullopt;
}

FrameNumber Session::append(const v1::Frame& frame, ipc::Charge charge) {
  const std::string_view bytes = bytes_.add(frame, ++sent_);
  kept_.push_back({bytes, std::move(charge), nullptr, is_followed_in_group(frame)});
  kept_bytes_ += bytes.size();
  return sent_;
}

void Session::append_chunk(std::string frame, Lading lading) {
  auto chunk = std::make_unique<KeptChunk>(KeptChunk{++sent_, std::move(lading), std::move(frame)});
  const Kept& kept = kept_.emplace_back(Kept{{}, {}, std::move(chunk)});
  kept_bytes_ += kept.size();
  bulk_under_way_ += kept.data();
}

// The first time it is here; for another stream it is loaded again. If that cannot be done, its message is destroyed
// where it arrives.
void Session::write_chunk(KeptChunk& kept, BatchWriter& out) {
  std::string frame = std::exchange(kept.loaded, {});
  const Lading& from = kept.lading;
  if (frame.empty()) frame = from.cargo->load(from.transfer, kept.number, from.place, from.data).frame;
  if (!frame.empty()) return out.chunk(std::move(frame));
  v1::Frame dropped = kept.frame();
  dropped.mutable_chunk()->set_dropped(true);
  out.frame(dropped);
}

v1::Frame Session::KeptChunk::frame() const {
  v1::Frame frame;
  frame.set_number(number);
  frame.mutable_chunk()->set_transfer(lading.transfer);
  return frame;
}

std::vector<v1::Frame> Session::kept() const {
  std::vector<v1::Frame> all;
  for (const Kept& each : kept_) {
    if (each.chunk) {
      all.push_back(each.chunk->frame());
      continue;
    }
    BatchReader reader(each.bytes);
    NETMSG_CHECK(reader.next() == BatchReader::Item::kFrame);
    NETMSG_CHECK(read_frame(reader.bytes(), all.emplace_back()));
  }
  return all;
}

bool Session::speaks(base::Instant now) const {
  const bool ack = ack_due_ && now >= *ack_due_;
  const bool heartbeat = now >= spoke_ + timing_.heartbeat;
  return has_frame_to_write() || ack || heartbeat;
}

bool Session::write(BatchWriter& out, base::Instant now) {
  if (!speaks(now) && out.empty()) return false;
  for (; has_frame_to_write(); ++written_) {
    Kept& next = kept_[written_ - acknowledged_];
    if (may_write_) *may_write_ -= std::min<std::uint64_t>(*may_write_, next.size() + next.data());
    next.chunk ? write_chunk(*next.chunk, out) : out.item(next.bytes);
  }
  out.applied(applied_ + (broken(Rule::kAckWhatIsApplied) ? 1 : 0));
  ack_due_.reset();
  unthanked_data_ = 0;
  spoke_ = now;
  return true;
}

Check Session::tick(base::Instant now) const {
  if (now < lease_ends()) return std::nullopt;
  return Fault{v1::Fence::LEASE, "no sign of life for the lease"};
}

base::Instant Session::next_deadline(bool has_stream) const {
  const base::Instant lease = lease_ends();
  if (!has_stream) return lease;
  const base::Instant speak = spoke_ + timing_.heartbeat;
  return std::min({lease, speak, ack_due_.value_or(speak)});
}

}  // namespace netmsg::proxy
