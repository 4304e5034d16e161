// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/lane.h"

#include <algorithm>
#include <utility>

#include "daemon/session/dispatch.h"
#include "daemon/session/listener.h"
#include "daemon/session/ring_channel.h"
#include "daemon/session/socket_channel.h"

namespace netmsg::session {

Lane::Lane(const Surroundings& surroundings, BatchTurns& turns, ipc::Space& space, ipc::OpToken token,
           Owner& owner)
    : surroundings_(surroundings), turns_(turns), space_(space), token_(token), owner_(owner) {}

namespace {

// The longest MachMsg or Batch there can be.
std::uint32_t length_max_of(const ListenerOptions& options) {
  const std::uint64_t regions = options.inline_max / local::kRegionItemSize;
  const std::uint64_t sum =
      sizeof(local::MachMsg) + options.inline_max + regions * sizeof(local::SentRegion) + options.memory_max;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(sum, local::kBatchBytesMax, UINT32_MAX));
}

}  // namespace

void Lane::open(base::UniqueFd socket, User& user, LaneSlots slots, const ListenerOptions& options) {
  Channel::Sink& sink = *this;
  user_ = &user;
  slots_ = std::move(slots);
  const auto channel = std::make_shared<SocketChannel>(surroundings_.io, std::move(socket), user,
                                                       surroundings_.users, length_max_of(options), sink);
  channel_ = channel;
  channel->start();
}

void Lane::open(base::UniqueFd socket, RingMemory memory, std::shared_ptr<ActiveLanes> lanes, User& user,
                LaneSlots slots, const ListenerOptions& options) {
  Channel::Sink& sink = *this;
  user_ = &user;
  slots_ = std::move(slots);
  const auto channel =
      std::make_shared<RingChannel>(surroundings_.io, std::move(socket), std::move(memory), std::move(lanes),
                                    user, surroundings_.users, length_max_of(options), sink);
  channel_ = channel;
  channel->start();
}

void Lane::close() {
  unlink();
  batch_.reset();
  if (channel_ != nullptr) channel_->close();
}

void Lane::complete(ipc::MsgResult&& result) {
  if (batch_ != nullptr) {
    batch_->ended(std::move(result));
    if (!running_) turns_.ready(*this);
  } else if (request_) {
    Attachments files = files_of(result);
    ipc::Charge charge = std::move(result.charge);
    answer(encode_mach_msg_done(*request_, std::move(result)), std::move(files), std::move(charge));
  }
}

void Lane::answer(OutgoingFrame frame, Attachments files, ipc::Charge charge) {
  request_.reset();
  files_sent_ = !files.empty();
  channel_->send(std::move(frame), std::move(files), std::move(charge));
}

void Lane::on_frame(const local::FrameHeader& header, Payload payload) {
  const auto kind = static_cast<local::Kind>(header.kind);
  if (kind == local::Kind::kCancel) return on_cancel(header.id, payload.bytes);
  if (request_) return owner_.lane_violation("a frame other than Cancel while a MachMsg is outstanding");
  if (!has_read_files()) return owner_.lane_violation("a frame before an answer with descriptors was read");
  if (kind == local::Kind::kMachMsg) return on_mach_msg(header.id, std::move(payload));
  if (kind == local::Kind::kBatch) return on_batch(header.id, payload);
  if (kind == local::Kind::kPortCall) return on_port_call(header.id, payload.bytes);
  owner_.lane_violation("a frame of a kind that does not belong on a lane");
}

void Lane::on_mach_msg(std::uint64_t id, Payload payload) {
  const std::uint64_t file_bytes_max = surroundings_.users.limits().file_bytes;
  SentFiles files{channel_->take_files(), user_, file_bytes_max};
  auto args = payload.skipped ? NoRoom{}
                              : decode_mach_msg(payload.bytes, std::move(files), std::move(payload.message));
  // An account could not bear the message: as if no buffer for it could be allocated (spec 03 §3 phase 2).
  if (std::holds_alternative<NoRoom>(args))
    return channel_->send(encode_mach_msg_done(id, {.code = MACH_SEND_NO_BUFFER, .memory_taken = 0}));
  if (const auto* violation = std::get_if<Violation>(&args)) return owner_.lane_violation(violation->what);
  request_ = id;
  surroundings_.engine.mach_msg(space_, token_, std::move(std::get<ipc::MsgArgs>(args)));
}

void Lane::on_batch(std::uint64_t id, const Payload& payload) {
  if (payload.skipped) return channel_->send(Batch::answer_of_none(id));
  auto args = decode_batch(payload.bytes);
  if (const auto* violation = std::get_if<Violation>(&args)) return owner_.lane_violation(violation->what);
  auto& asked = std::get<BatchArgs>(args);
  ipc::Charge charge = ipc::Charge::bytes(user_->account, asked.charged);
  if (!charge) return channel_->send(Batch::answer_of_none(id));
  request_ = id;
  batch_ = std::make_unique<Batch>(id, std::move(asked), std::move(charge));
  turns_.ready(*this);
}

unsigned Lane::run_batch(unsigned operations_max) {
  unsigned begun = 0;
  running_ = true;
  for (; begun < operations_max && !batch_->outstanding() && !batch_->over(); ++begun)
    surroundings_.engine.mach_msg(space_, token_, batch_->next());
  running_ = false;
  surroundings_.engine_used();
  unlink();  // one that has ended since made the lane ready: that was too early
  if (batch_->outstanding()) return begun;
  if (batch_->over())
    answer_batch();
  else
    turns_.ready(*this);
  return begun;
}

void Lane::answer_batch() {
  Batch::Answer done = batch_->answer();
  batch_.reset();
  answer(std::move(done.frame), std::move(done.files), std::move(done.charge));
}

// Descriptors that are on their way are few for all users together: no more than one answer's on a lane.
bool Lane::has_read_files() {
  return !std::exchange(files_sent_, false) || channel_->all_read();
}

void Lane::on_port_call(std::uint64_t id, std::span<const std::byte> payload) {
  auto answer = run_port_call(space_, token_, id, payload);
  if (const auto* violation = std::get_if<Violation>(&answer)) return owner_.lane_violation(violation->what);
  channel_->send(std::move(std::get<std::vector<std::byte>>(answer)));
}

void Lane::on_cancel(std::uint64_t id, std::span<const std::byte> payload) {
  if (!payload.empty()) return owner_.lane_violation("a Cancel has a payload");
  if (request_ != id) return;
  if (batch_ != nullptr) batch_->cancel();
  surroundings_.engine.cancel(space_, token_);
}

void Lane::on_turn_over() {
  surroundings_.engine_used();
}

void Lane::on_end(std::string_view violation) {
  if (violation.empty())
    owner_.lane_closed(*this);
  else
    owner_.lane_violation(violation);
}

}  // namespace netmsg::session
