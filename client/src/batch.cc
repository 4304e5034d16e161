// SPDX-License-Identifier: Apache-2.0
#include "client/src/batch.h"

#include <cstring>

namespace netmsg::client {

void Batch::begin(bool stops) {
  head_ = {0, stops ? local::kBatchStops : 0};
  used_ = sizeof head_;
}

bool Batch::add(const local::MachMsg& request, void* buffer) {
  if (head_.count == local::kBatchMax || kSize - used_ < sizeof request + request.send_size) return false;
  std::memcpy(request_.data() + used_, &request, sizeof request);
  used_ += sizeof request;
  if (request.send_size != 0) std::memcpy(request_.data() + used_, buffer, request.send_size);
  used_ += request.send_size;
  buffers_[head_.count++] = buffer;
  return true;
}

iovec Batch::request() {
  std::memcpy(request_.data(), &head_, sizeof head_);
  return {request_.data(), used_};
}

iovec Batch::room_for(const local::BatchDone& head) {
  answers_size_ = head.gathered;
  answers_at_ = 0;
  if (head.count > head_.count || head.gathered > kSize) return {};
  return {answers_.data(), answers_size_};
}

std::optional<Batch::Answer> Batch::next_answer() {
  Answer answer{};
  if (answers_size_ - answers_at_ < sizeof answer.done) return std::nullopt;
  std::memcpy(&answer.done, answers_.data() + answers_at_, sizeof answer.done);
  answers_at_ += sizeof answer.done;
  answer.bytes = answers_.data() + answers_at_;
  if (answers_size_ - answers_at_ < answer.done.length) return std::nullopt;
  answers_at_ += answer.done.length;
  return answer;
}

}  // namespace netmsg::client
