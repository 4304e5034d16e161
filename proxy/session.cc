// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

namespace {

constexpr std::uint64_t kGrowth = 3;  // bytes that may be written for each that they have acknowledged

}  // namespace

Check Session::expect(FrameNumber number) const {
  if (number == applied_ + 1 || broken(Rule::kResumeAfterApplied)) return std::nullopt;
  return protocol_error("frame out of order");
}

void Session::count_applied(std::uint64_t data) {
  ++applied_;
  unthanked_data_ += data;
  if (!ack_due_) ack_due_ = heard_ + timing_.ack_delay;
  if (unthanked_data_ > 0 && unthanked_data_ >= bulk_window_ / 4) ack_due_ = heard_;
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
  kept_.push_back({bytes, std::move(charge), nullptr});
  kept_bytes_ += bytes.size();
  return sent_;
}

void Session::append_chunk(v1::Frame frame, std::shared_ptr<const Cargo> cargo, Cargo::Place place) {
  frame.set_number(++sent_);
  const std::uint64_t data = data_bytes(frame.chunk());
  const Kept& kept = kept_.emplace_back(
      Kept{{}, {}, std::make_unique<KeptChunk>(KeptChunk{std::move(frame), std::move(cargo), place, data})});
  kept_bytes_ += kept.size();
  bulk_under_way_ += data;
}

// The first time its pieces are here; for another stream they are read again. If that cannot be done, its message
// is destroyed where it arrives.
void Session::write_chunk(KeptChunk& kept, BatchWriter& out) {
  v1::Chunk& chunk = *kept.frame.mutable_chunk();
  if (chunk.pieces_size() == 0) kept.cargo->load(kept.place, chunk);
  chunk.set_dropped(chunk.pieces_size() == 0);
  out.frame(kept.frame);
  chunk.clear_pieces();
}

std::vector<v1::Frame> Session::kept() const {
  std::vector<v1::Frame> all;
  for (const Kept& each : kept_) {
    if (each.chunk) {
      all.push_back(each.chunk->frame);
      continue;
    }
    BatchReader reader(each.bytes);
    NETMSG_CHECK(reader.next() == BatchReader::Item::kFrame);
    NETMSG_CHECK(
        all.emplace_back().ParseFromArray(reader.bytes().data(), static_cast<int>(reader.bytes().size())));
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
