// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/batch.h"

#include <cstring>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/session/wire.h"

namespace netmsg::session {

namespace {

constexpr std::size_t kHeadSize = sizeof(local::FrameHeader) + sizeof(local::BatchDone);

}  // namespace

Batch::Batch(std::uint64_t id, BatchArgs args, ipc::Charge charge)
    : id_(id), args_(std::move(args)), charge_(std::move(charge)), last_at_(kHeadSize) {
  answer_.frame.reserve(kHeadSize + args_.size());  // as long as what was asked, by a guess
  answer_.frame.resize(kHeadSize);
}

bool Batch::over() const {
  return cancelled_ || is_last_ || args_.empty();
}

ipc::MsgArgs Batch::next() {
  NETMSG_CHECK(!outstanding_);
  NETMSG_CHECK(!over());
  outstanding_ = true;
  ++begun_;
  return args_.next();
}

// What is gathered stays below the largest Batch, but for the last answer.
void Batch::ended(ipc::MsgResult&& result) {
  NETMSG_CHECK(outstanding_);
  outstanding_ = false;
  last_at_ = answer_.frame.size();
  append_mach_msg_done(result, answer_.frame);
  const bool too_long = answer_.frame.size() - kHeadSize > local::kBatchBytesMax;
  const bool stops = args_.stops && result.code != MACH_MSG_SUCCESS;
  is_last_ = too_long || stops || !result.regions.empty();
  if (!result.regions.empty()) answer_.files = files_of(result);
  answer_.charge = std::move(result.charge);
}

Batch::Answer Batch::answer() {
  NETMSG_CHECK(over() && !outstanding_);
  const local::FrameHeader header{
      static_cast<std::uint32_t>(answer_.frame.size() - sizeof(local::FrameHeader)),
      static_cast<std::uint16_t>(local::Kind::kBatchDone), 0, id_};
  const local::BatchDone done{begun_, static_cast<std::uint32_t>(last_at_ - kHeadSize), {}};
  std::memcpy(answer_.frame.data(), &header, sizeof header);
  std::memcpy(answer_.frame.data() + sizeof header, &done, sizeof done);
  // Where it waits to be read it counts by its length.
  if (answer_.frame.capacity() > 2 * answer_.frame.size()) answer_.frame.shrink_to_fit();
  return std::move(answer_);
}

std::vector<std::byte> Batch::answer_of_none(std::uint64_t id) {
  return encode_frame(local::Kind::kBatchDone, id, local::BatchDone{});
}

}  // namespace netmsg::session
