// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/ring_channel.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <cstring>
#include <utility>

#include "daemon/session/dispatch.h"

namespace netmsg::session {

namespace {

constexpr local::FrameHeader kBell{0, static_cast<std::uint16_t>(local::Kind::kBell), 0, 0};

// The owner thread's alone: what a frame holds is used up before the next one is copied. Pages that no frame needed are
// never there.
std::span<std::byte> scratch(std::size_t size) {
  constexpr std::size_t kSize = std::max(local::kRingBytes, local::kWindowBytes);
  thread_local const std::unique_ptr<std::byte[]> bytes(new std::byte[kSize]);
  return {bytes.get(), size};
}

}  // namespace

RingChannel::RingChannel(asio::io_context& io, base::UniqueFd socket, RingMemory memory,
                         std::shared_ptr<ActiveLanes> lanes, User& user, Users& users,
                         std::uint32_t length_max, Channel::Sink& sink)
    : memory_(std::make_shared<const RingMemory>(std::move(memory))),
      reader_((*memory_)->to_daemon),
      writer_((*memory_)->to_client),
      lanes_(std::move(lanes)),
      user_(user),
      users_(users),
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
  lanes_->windows().leave(*this);
  socket_->close();
}

void RingChannel::send(OutgoingFrame frame, Attachments attachments, ipc::Charge charge) {
  if (sink_ == nullptr) return;
  answer_due_ = false;
  listen();
  if (by_ring_ && attachments.empty() && put(frame)) return lanes_->answered(*this);
  open_windows_for(frame.size());
  writer_.count_elsewhere();
  const bool sleeps_at_word = writer_.take_sleeper() == local::Sleep::kAtTheWord;
  socket_->send(std::move(frame), std::move(attachments), std::move(charge));
  if (sleeps_at_word) wake_at_word();
}

bool RingChannel::put(const OutgoingFrame& frame) {
  if (!begin(frame)) return false;
  writer_.put(frame.rest.data(), frame.rest.size());
  writer_.publish();
  return true;
}

// With the frame's first bytes.
bool RingChannel::begin(const OutgoingFrame& frame) {
  if (writer_.begin(frame.size())) {
    writer_.put(frame.head.data(), frame.head.size());
    return true;
  }
  local::FrameHeader header;
  std::memcpy(&header, frame.head.data(), sizeof header);
  if (!window_is_open() || !writer_.begin_in_window(header)) return false;
  lanes_->windows().used(*this);
  writer_.put(frame.head.data() + sizeof header, frame.head.size() - sizeof header);
  return true;
}

// If it was no small one, and not too large for a window. It went through the socket.
void RingChannel::open_windows_for(std::size_t frame_size) {
  if (frame_size <= local::kRingBytes / 2 || frame_size > local::kWindowBytes) return;
  if (lanes_->windows().open(*this, user_, users_)) reader_.open_window();
}

// The client has read all that it was sent, and writes nothing.
bool RingChannel::close_window() {
  return writer_.was_read(writer_.end()) && reader_.look() == local::RingReader::Look::kEmpty &&
         reader_.close_window();
}

void RingChannel::ring() {
  const local::Sleep sleep = writer_.take_sleeper();
  if (sleep == local::Sleep::kAtTheWord) wake_at_word();
  if (sleep == local::Sleep::kAtTheBell) socket_->ring(kBell);
}

// The kernel only looks for who sleeps there: the word's content does not matter, and nobody is waited for.
void RingChannel::wake_at_word() {
  ::syscall(SYS_futex, &writer_.sleep_word(), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// ---------------------------------------------------------------- from the ring

// Before the answer can be seen: who sends the next request at once needs no bell for it.
void RingChannel::listen() {
  reader_.wake();
  lanes_->join(*this);
}

// Whoever does not listen is not listened to; he is again when the socket's turn is over. Nor is anybody looked at who waits
// for an answer, and may say nothing but Cancel: he rings for that.
bool RingChannel::look() {
  const auto self = shared_from_this();
  int taken = 0;
  while (sink_ != nullptr && taken < SocketChannel::kFramesPerTurn && socket_->may_read() && take_frame())
    ++taken;
  if (sink_ != nullptr && taken > 0) sink_->on_turn_over();
  if (sink_ != nullptr && answer_due_ && !is_owed_ring() && park()) lanes_->leave(*this);
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
  if (!go_to_window(header)) return end("a frame in a window that is not open"), false;
  if (const char* complaint = complaint_about(header)) return end(complaint), false;
  Payload payload = take_payload(header);
  reader_.release();
  hand_over(header, std::move(payload), true);
  return true;
}

// If it says that its payload is there. False: it cannot be.
bool RingChannel::go_to_window(local::FrameHeader& header) {
  if (header.zero != local::kInWindow) return true;
  header.zero = 0;
  lanes_->windows().used(*this);
  return window_is_open() && reader_.go_to_window(header.length);
}

// REQUIRES: there is no complaint about the header.
Payload RingChannel::take_payload(const local::FrameHeader& header) {
  constexpr std::size_t kArguments = sizeof(local::MachMsg);
  const bool has_arguments =
      header.kind == static_cast<std::uint16_t>(local::Kind::kMachMsg) && header.length > kArguments;
  const std::size_t first = has_arguments ? kArguments : header.length;
  reader_.take(scratch(first).data(), first);
  Payload payload{scratch(first)};
  const std::size_t rest = header.length - first;
  if (rest > 0 && is_large_message(payload.bytes, header.length)) {
    const auto pieces = reader_.peek(rest);
    payload.message.reserve(rest);
    payload.message.assign(pieces.first.begin(), pieces.first.end());
    payload.message.insert(payload.message.end(), pieces.second.begin(), pieces.second.end());
    reader_.skip(rest);
  } else if (rest > 0) {
    reader_.take(scratch(header.length).data() + first, rest);
    payload.bytes = scratch(header.length);
  }
  return payload;
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

void RingChannel::hand_over(const local::FrameHeader& header, Payload payload, bool by_ring) {
  if (header.kind != static_cast<std::uint16_t>(local::Kind::kCancel)) {
    by_ring_ = by_ring;
    answer_due_ = true;
  }
  sink_->on_frame(header, std::move(payload));
}

// ---------------------------------------------------------------- from the socket

bool RingChannel::is_bell(const local::FrameHeader& header) const {
  return header.kind == kBell.kind && header.id == 0 && header.length == 0;
}

void RingChannel::on_frame(const local::FrameHeader& header, Payload payload) {
  if (is_bell(header)) return lanes_->join(*this);
  const auto self = shared_from_this();
  take_all_there_is();
  if (sink_ == nullptr) return;
  open_windows_for(header.length);
  hand_over(header, std::move(payload), false);
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
