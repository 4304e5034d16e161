// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/socket_channel.h"

#include <sys/socket.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace netmsg::session {

namespace {

// The owner thread's alone: what is read is taken apart, or copied, before anything else is read.
std::span<std::byte> scratch() {
  thread_local std::array<std::byte, SocketChannel::kReadSize> bytes;
  return bytes;
}

void attach(int descriptor, std::span<std::byte> control, msghdr* message) {
  message->msg_control = control.data();
  message->msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

SocketChannel::SocketChannel(asio::io_context& io, base::UniqueFd socket, User& user,
                             const UserLimits& limits, std::uint32_t length_max, Sink& sink)
    : socket_(io), user_(user), limits_(limits), sink_(&sink), reader_(user.account, length_max) {
  asio::error_code error;
  socket_.assign(socket.get(), error);
  // If the event loop had no room for it, the first read fails and the connection is over.
  if (!error) socket.release();
}

SocketChannel::~SocketChannel() {
  close();
}

void SocketChannel::start() {
  wait_readable();
}

void SocketChannel::close() {
  sink_ = nullptr;
  asio::error_code ignored;
  socket_.close(ignored);
  while (!unsent_.empty()) pop_unsent();
}

void SocketChannel::wait_readable() {
  if (reading_ || sink_ == nullptr || !may_read()) return;
  reading_ = true;
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const asio::error_code&) { self->read_turn(); });
}

// One turn: at most one read and kFramesPerTurn frames. Frames that are left are taken in the next turn,
// before more is read.
void SocketChannel::read_turn() {
  reading_ = false;
  if (sink_ == nullptr || !receive()) return;
  take_frames();
}

bool SocketChannel::receive() {
  const ssize_t got = ::recv(socket_.native_handle(), scratch().data(), scratch().size(), MSG_DONTWAIT);
  if (got > 0) {
    reader_.feed(scratch().first(static_cast<std::size_t>(got)));
    return true;
  }
  if (got < 0 && would_block())
    wait_readable();
  else
    end("");
  return false;
}

void SocketChannel::take_frames() {
  FrameReader::Step step = FrameReader::Step::kNeedMore;
  int taken = 0;
  while (sink_ != nullptr && taken++ < kFramesPerTurn && may_read()) {
    step = reader_.next();
    if (step == FrameReader::Step::kNeedMore || step == FrameReader::Step::kBroken) break;
    const bool skipped = step == FrameReader::Step::kSkipped;
    sink_->on_frame(reader_.header(), skipped ? std::span<const std::byte>() : reader_.payload(), skipped);
  }
  if (sink_ == nullptr) return;
  sink_->on_turn_over();
  if (step == FrameReader::Step::kBroken) return end(reader_.why_broken());
  if (step == FrameReader::Step::kNeedMore) return wait_readable();
  go_on_later();
}

// Takes the frames that are left. If too much is unsent, flush() comes back here.
void SocketChannel::go_on_later() {
  if (reading_ || !may_read()) return;
  reading_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->reading_ = false;
    self->take_frames();
  });
}

void SocketChannel::send(std::vector<std::byte> bytes, base::UniqueFd descriptor, ipc::Charge charge) {
  if (sink_ == nullptr) return;
  Unsent frame{std::move(bytes), 0, std::move(descriptor), std::move(charge)};
  const Sent sent = unsent_.empty() ? send_some(frame) : Sent::kPart;
  if (sent == Sent::kFailed) return end_later("");
  if (sent == Sent::kPart) queue(std::move(frame));
}

SocketChannel::Sent SocketChannel::send_some(Unsent& frame) {
  iovec part{frame.bytes.data() + frame.sent, frame.bytes.size() - frame.sent};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  if (frame.descriptor) attach(frame.descriptor.get(), control, &message);
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return would_block() ? Sent::kPart : Sent::kFailed;
  frame.descriptor.reset();
  frame.sent += static_cast<std::size_t>(sent);
  return frame.sent == frame.bytes.size() ? Sent::kAll : Sent::kPart;
}

void SocketChannel::queue(Unsent frame) {
  const std::size_t left = frame.bytes.size() - frame.sent;
  const std::size_t unpaid = frame.charge ? 0 : left;
  if (user_.unread_bytes + unpaid > limits_.unread_bytes)
    return end_later("its user leaves too many answers unread");
  frame.unpaid = unpaid;
  frame.left = left;
  user_.unread_bytes += unpaid;
  backlog_ += left;
  unsent_.push_back(std::move(frame));
  if (unsent_.size() == 1) wait_writable();
}

void SocketChannel::pop_unsent() {
  user_.unread_bytes -= unsent_.front().unpaid;
  backlog_ -= unsent_.front().left;
  unsent_.pop_front();
}

void SocketChannel::wait_writable() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                     [self = shared_from_this()](const asio::error_code&) { self->flush(); });
}

void SocketChannel::flush() {
  if (sink_ == nullptr) return;
  Sent sent = Sent::kAll;
  while (!unsent_.empty() && sent == Sent::kAll) {
    sent = send_some(unsent_.front());
    if (sent == Sent::kAll) pop_unsent();
  }
  if (sent == Sent::kFailed) return end("");
  if (!unsent_.empty()) wait_writable();
  go_on_later();
}

// Sending happens in the middle of the engine's events; the end has to wait until they are over.
void SocketChannel::end_later(const char* violation) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), violation] { self->end(violation); });
}

void SocketChannel::end(std::string_view violation) {
  Sink* const sink = sink_;
  close();
  if (sink != nullptr) sink->on_end(violation);
}

}  // namespace netmsg::session
