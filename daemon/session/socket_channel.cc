// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/socket_channel.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace netmsg::session {

namespace {

// The owner thread's alone: what is read is taken apart, or copied, before anything else is read.
std::span<std::byte> scratch() {
  thread_local std::array<std::byte, SocketChannel::kReadSize> bytes;
  return bytes;
}

// Room for all that a packet can bring: what there is no room for the kernel closes on this thread.
constexpr std::size_t kControlSize = CMSG_SPACE(kPacketFilesMax * sizeof(int));
static_assert(kPacketFilesMax > local::kFilesMax, "a frame with too many is known as one");

void write_control(const Attachments& attachments, std::span<std::byte> control, msghdr* message) {
  const std::size_t size = attachments.size() * sizeof(int);
  message->msg_control = control.data();
  message->msg_controllen = CMSG_SPACE(size);
  cmsghdr* rights = CMSG_FIRSTHDR(message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(size);
  auto* fd = reinterpret_cast<int*>(CMSG_DATA(rights));
  for (const Attachment& attachment : attachments) *fd++ = attachment.fd;
}

// What is left of it behind the first `sent` bytes.
std::array<iovec, 2> unsent_parts(OutgoingFrame& frame, std::size_t sent) {
  const std::size_t of_head = std::min(sent, frame.head.size());
  const std::size_t of_rest = sent - of_head;
  return {{{frame.head.data() + of_head, frame.head.size() - of_head},
           {frame.rest.data() + of_rest, frame.rest.size() - of_rest}}};
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// A byte out of band is a byte like the others: one that is not taken the kernel drops while we read what follows,
// and closes on this thread what came with it.
void take_in_order(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes);
}

// How long descriptors for which there is no room wait in the socket.
constexpr std::chrono::milliseconds kPauseWithoutRoom{100};

}  // namespace

Attachments attachment_of(base::UniqueFd descriptor) {
  if (!descriptor) return {};
  const int fd = descriptor.get();
  return {{fd, std::make_shared<const base::UniqueFd>(std::move(descriptor))}};
}

SocketChannel::SocketChannel(asio::io_context& io, base::UniqueFd socket, User& user, Users& users,
                             std::uint32_t length_max, Sink& sink)
    : socket_(io), user_(user), users_(users), sink_(&sink), reader_(user.account, length_max) {
  take_in_order(socket.get());
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
  if (socket_.is_open()) close_socket();
  while (!unsent_.empty()) pop_unsent();
  files_ = {};
}

// With unread bytes descriptors may be closed, which may take time: that is for the closer. Nothing can be added once the
// socket is shut down.
void SocketChannel::close_socket() {
  int unread = 0;
  ::shutdown(socket_.native_handle(), SHUT_RDWR);
  if (::ioctl(socket_.native_handle(), FIONREAD, &unread) != 0 || unread > 0) {
    users_.take_file(user_, socket_.release());
    return;
  }
  asio::error_code ignored;
  socket_.close(ignored);
}

bool SocketChannel::all_read() {
  int unread = 0;
  return unsent_.empty() && ::ioctl(socket_.native_handle(), SIOCOUTQ, &unread) == 0 && unread == 0;
}

void SocketChannel::wait_readable() {
  if (reading_ || sink_ == nullptr || !may_read()) return;
  reading_ = true;
  socket_.async_wait(WaitingDescriptor::wait_read,
                     [self = shared_from_this()](const asio::error_code&) { self->read_turn(); });
}

// One turn: at most one read and kFramesPerTurn frames. Frames that are left are taken in the next turn,
// before more is read.
void SocketChannel::read_turn() {
  reading_ = false;
  if (sink_ == nullptr || !receive()) return;
  take_frames();
}

// Descriptors are taken whole or not at all: what the kernel finds no room for it closes on this thread, who might
// have to wait.
bool SocketChannel::receive() {
  const std::span<std::byte> awaited = reader_.awaited();
  const std::span<std::byte> into = awaited.empty() ? scratch() : awaited;
  std::size_t most = std::min(into.size(), awaited.empty() ? kReadSize : kBlockReadSize);
  if (!users_.has_room_for_files(user_)) {
    const Waiting waiting = look();
    if (waiting.files && !users_.may_take_files_in_vain(user_)) return pause();
    if (waiting.files) files_.lost = true;
    if (waiting.bytes > 0) most = std::min(most, waiting.bytes);
  }
  alignas(cmsghdr) std::array<std::byte, kControlSize> control;
  iovec part{into.data(), most};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got > 0) {
    const auto size = static_cast<std::size_t>(got);
    awaited.empty() ? reader_.feed(into.first(size)) : reader_.filled(size);
    return take_arrived(message);
  }
  if (got < 0 && would_block())
    wait_readable();
  else
    end("");
  return false;
}

// What the next read brings, which stays where it is: descriptors too.
SocketChannel::Waiting SocketChannel::look() {
  iovec part{scratch().data(), kReadSize};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t got = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_PEEK);
  return {got > 0 ? static_cast<std::size_t>(got) : 0, (message.msg_flags & MSG_CTRUNC) != 0};
}

// The user's descriptors are closed more slowly than they come: what brings more has to wait. Nobody else's do.
bool SocketChannel::pause() {
  reading_ = true;
  const auto timer = std::make_shared<WaitingTimer>(socket_.get_executor(), kPauseWithoutRoom);
  timer->async_wait([self = shared_from_this(), timer](const asio::error_code&) { self->read_turn(); });
  return false;
}

// False: there are too many, and the connection is over.
bool SocketChannel::take_arrived(msghdr& message) {
  if ((message.msg_flags & MSG_CTRUNC) != 0) files_.lost = true;
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const auto* const fds = reinterpret_cast<const int*>(CMSG_DATA(item));
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (const int fd : std::span(fds, count)) files_.files.push_back(users_.take_file(user_, fd));
  }
  const std::size_t count = files_.files.size();
  if (files_.lost) files_.files.clear();
  if (count <= local::kFilesMax) return true;
  end("more descriptors than a frame may have");
  return false;
}

void SocketChannel::take_frames() {
  FrameReader::Step step = FrameReader::Step::kNeedMore;
  int taken = 0;
  while (sink_ != nullptr && taken++ < kFramesPerTurn && may_read()) {
    step = reader_.next();
    if (step == FrameReader::Step::kNeedMore || step == FrameReader::Step::kBroken) break;
    const bool skipped = step == FrameReader::Step::kSkipped;
    sink_->on_frame(reader_.header(),
                    {skipped ? std::span<const std::byte>() : reader_.payload(), {}, skipped});
  }
  if (sink_ == nullptr) return;
  sink_->on_turn_over();
  if (step == FrameReader::Step::kBroken) return end(reader_.why_broken());
  if (reader_.between_frames() && !take_files().files.empty())
    return end("descriptors without a frame for them");
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

void SocketChannel::send(OutgoingFrame bytes, Attachments attachments, ipc::Charge charge) {
  if (sink_ == nullptr) return;
  Unsent frame{std::move(bytes), 0, std::move(attachments), std::move(charge)};
  const Sent sent = unsent_.empty() ? send_some(frame) : Sent::kPart;
  if (sent == Sent::kFailed) return end_later("");
  if (sent == Sent::kPart) queue(std::move(frame));
}

// So short a frame is taken whole or not at all.
void SocketChannel::ring(const local::FrameHeader& bell) {
  if (sink_ != nullptr && unsent_.empty())
    ::send(socket_.native_handle(), &bell, sizeof bell, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// ETOOMANYREFS: this user has as many descriptors on their way as the kernel allows. The frame goes without, which for
// the receiver is as if it had no room for them.
SocketChannel::Sent SocketChannel::send_some(Unsent& frame) {
  std::array<iovec, 2> parts = unsent_parts(frame.bytes, frame.sent);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<std::byte, kControlSize> control{};
  if (!frame.attachments.empty()) write_control(frame.attachments, control, &message);
  ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno == ETOOMANYREFS) {
    message.msg_controllen = 0;
    sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (sent < 0) return would_block() ? Sent::kPart : Sent::kFailed;
  frame.attachments.clear();
  frame.sent += static_cast<std::size_t>(sent);
  return frame.sent == frame.bytes.size() ? Sent::kAll : Sent::kPart;
}

void SocketChannel::queue(Unsent frame) {
  const std::size_t left = frame.bytes.size() - frame.sent;
  const std::size_t unpaid = frame.charge ? 0 : left;
  if (user_.unread_bytes + unpaid > users_.limits().unread_bytes)
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
  socket_.async_wait(WaitingDescriptor::wait_write,
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
  if (may_read()) sink_->on_turn_over();
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
