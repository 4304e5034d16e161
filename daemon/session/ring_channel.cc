// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/ring_channel.h"

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <utility>

namespace netmsg::session {

namespace {

constexpr local::FrameHeader kBell{0, static_cast<std::uint16_t>(local::Kind::kBell), 0, 0};

// The owner thread's alone: what a frame holds is used up before the next one is copied.
std::byte* scratch() {
  thread_local std::array<std::byte, local::kRingBytes> bytes;
  return bytes.data();
}

}  // namespace

RingChannel::RingChannel(asio::io_context& io, base::UniqueFd socket, RingMemory memory,
                         std::shared_ptr<ActiveLanes> lanes, User& user, Users& users,
                         std::uint32_t length_max, Channel::Sink& sink)
    : memory_(std::move(memory)),
      reader_(memory_->to_daemon),
      writer_(memory_->to_client),
      lanes_(std::move(lanes)),
      length_max_(length_max),
      sink_(&sink),
      socket_(std::make_shared<SocketChannel>(io, std::move(socket), user, users, length_max,
                                              static_cast<Channel::Sink&>(*this))) {}

void RingChannel::start() {
  socket_->start();
  reader_.fall_asleep();
}

void RingChannel::close() {
  sink_ = nullptr;
  lanes_->leave(*this);
  socket_->close();
}

void RingChannel::send(std::vector<std::byte> frame, Attachments attachments, ipc::Charge charge) {
  if (sink_ == nullptr) return;
  if (by_ring_ && attachments.empty() && put(frame)) return lanes_->answered(*this);
  writer_.count_elsewhere();
  socket_->send(std::move(frame), std::move(attachments), std::move(charge));
}

bool RingChannel::put(const std::vector<std::byte>& frame) {
  if (!writer_.begin(frame.size())) return false;
  writer_.put(frame.data(), frame.size());
  writer_.publish();
  return true;
}

void RingChannel::ring() {
  if (writer_.wake_due()) socket_->ring(kBell);
}

// ---------------------------------------------------------------- from the ring

// Whoever does not listen is not listened to; he is again when the socket's turn is over.
bool RingChannel::look() {
  const auto self = shared_from_this();
  int taken = 0;
  while (sink_ != nullptr && taken < SocketChannel::kFramesPerTurn && socket_->may_read() && take_frame())
    ++taken;
  if (sink_ != nullptr && taken > 0) sink_->on_turn_over();
  return taken > 0;
}

bool RingChannel::park() {
  return !socket_->may_read() || (reader_.available() == 0 && reader_.fall_asleep());
}

// False: there is none, or none any more.
bool RingChannel::take_frame() {
  using Look = local::RingReader::Look;
  local::FrameHeader header;
  const Look found = reader_.look();
  if (found == Look::kEmpty) return false;
  if (found == Look::kBroken) return end("impossible positions in a ring"), false;
  if (reader_.available() < sizeof header) return end("half a frame in a ring"), false;
  reader_.take(&header, sizeof header);
  if (const char* complaint = complaint_about(header)) return end(complaint), false;
  reader_.take(scratch(), header.length);
  reader_.release();
  hand_over(header, {scratch(), header.length}, false, true);
  return true;
}

const char* RingChannel::complaint_about(const local::FrameHeader& header) const {
  if (header.zero != 0) return "a reserved field of a frame header is not zero";
  if (header.length > length_max_) return "a frame is longer than allowed";
  return header.length > reader_.available() ? "half a frame in a ring" : nullptr;
}

// No more than fits: a client that goes on writing does not hold us up.
void RingChannel::take_all_there_is() {
  constexpr std::size_t kFramesMax = local::kRingBytes / sizeof(local::FrameHeader);
  for (std::size_t left = kFramesMax; left > 0 && sink_ != nullptr && take_frame(); --left) {
  }
}

void RingChannel::hand_over(const local::FrameHeader& header, std::span<const std::byte> payload,
                            bool skipped, bool by_ring) {
  if (header.kind != static_cast<std::uint16_t>(local::Kind::kCancel)) by_ring_ = by_ring;
  sink_->on_frame(header, payload, skipped);
}

// ---------------------------------------------------------------- from the socket

bool RingChannel::is_bell(const local::FrameHeader& header) const {
  return header.kind == kBell.kind && header.id == 0 && header.length == 0;
}

void RingChannel::on_frame(const local::FrameHeader& header, std::span<const std::byte> payload,
                           bool skipped) {
  if (is_bell(header)) return lanes_->join(*this);
  const auto self = shared_from_this();
  take_all_there_is();
  if (sink_ != nullptr) hand_over(header, payload, skipped, false);
}

void RingChannel::on_turn_over() {
  lanes_->join(*this);
  if (sink_ != nullptr) sink_->on_turn_over();
}

// What the client wrote before it closed was said.
void RingChannel::on_end(std::string_view violation) {
  const auto self = shared_from_this();
  if (violation.empty()) take_all_there_is();
  end(violation);
}

void RingChannel::end(std::string_view violation) {
  Channel::Sink* const sink = sink_;
  close();
  if (sink != nullptr) sink->on_end(violation);
}

}  // namespace netmsg::session
