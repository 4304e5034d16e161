// SPDX-License-Identifier: Apache-2.0
#include "client/src/channel.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "client/src/memory.h"

namespace netmsg::client {

namespace {

constexpr local::FrameHeader kBell{0, static_cast<std::uint16_t>(local::Kind::kBell), 0, 0};

// What a Cancel takes, which may follow, twice.
constexpr std::size_t kLeftForCancels = 2 * sizeof(local::FrameHeader);

bool fits(std::size_t size) {
  return size <= local::kRingBytes - kLeftForCancels;
}

std::size_t size_of(std::span<const iovec> parts) {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  return size;
}

bool are_readable(std::span<const iovec> parts) {
  for (const iovec& part : parts) {
    if (!is_readable(part.iov_base, part.iov_len)) return false;
  }
  return true;
}

}  // namespace

Channel::Channel(Descriptor socket, RingMemory rings) : socket_(std::move(socket)) {
  if (rings) rings_.emplace(std::move(rings));
}

// ---------------------------------------------------------------- asking

Io Channel::send(std::span<iovec> parts, bool* started, std::span<const int> files) {
  const std::size_t size = size_of(parts);
  *started = false;
  asked_by_ring_ = rings_ && files.empty() && fits(size) && rings_->writer.begin(size);
  if (asked_by_ring_) return put(parts);
  if (rings_ && !socket_.still_ours()) return Io::kClosed;
  return send_parts(socket_.fd(), parts, started, files);
}

// REQUIRES: the ring has room. Like sendmsg, a cancellation point.
Io Channel::put(std::span<const iovec> parts) {
  pthread_testcancel();
  if (parts.size() > kOwnParts && !are_readable(parts.subspan(kOwnParts))) return Io::kBadMemory;
  for (const iovec& part : parts) rings_->writer.put(part.iov_base, part.iov_len);
  rings_->writer.publish();
  rings_->request_end = rings_->writer.end();
  return wake_daemon() ? Io::kOk : Io::kClosed;
}

bool Channel::wake_daemon() {
  if (!rings_->writer.wake_due()) return true;
  return socket_.still_ours() && send_all(socket_.fd(), &kBell, sizeof kBell) == Io::kOk;
}

bool Channel::send_after(const local::FrameHeader& frame) {
  if (asked_by_ring_ && rings_->writer.begin(sizeof frame)) {
    rings_->writer.put(&frame, sizeof frame);
    rings_->writer.publish();
    return wake_daemon();
  }
  return socket_.still_ours() && send_all(socket_.fd(), &frame, sizeof frame) == Io::kOk;
}

// ---------------------------------------------------------------- waiting

Channel::Wait Channel::wait(const sigset_t* mask) {
  if (asked_by_ring_) {
    if (answer_there() || await_awake()) return Wait::kReady;
    return sleep(mask);
  }
  if (mask == nullptr) return Wait::kReady;  // to receive is to wait
  pollfd answer{socket_.fd(), POLLIN, 0};
  const int ready = ::ppoll(&answer, 1, nullptr, mask);
  return ready < 0 && errno == EINTR ? Wait::kInterrupted : Wait::kReady;
}

// A ring that cannot be is left to the reader.
bool Channel::answer_there() {
  answered_by_ring_ = rings_->reader.look() != local::RingReader::Look::kEmpty;
  return answered_by_ring_ || rings_->reader.elsewhere() != rings_->from_socket;
}

// Gives up the processor in turns, for the moment in which most answers come. A cancellation point, as the sleep is.
bool Channel::await_awake() {
  using Clock = std::chrono::steady_clock;
  if (!rings_->patience.try_awake()) return false;
  const Clock::time_point end = Clock::now() + std::chrono::microseconds(local::kYieldUs);
  do {
    pthread_testcancel();
    ::sched_yield();
    if (!answer_there()) continue;
    rings_->patience.was_worth_it();
    return true;
  } while (Clock::now() < end);
  rings_->patience.was_in_vain();
  return false;
}

// The socket wakes us: by a bell, an answer, or its end. Signals that `mask` lets in are handled in ppoll and nowhere else;
// one that has come before ends it at once.
Channel::Wait Channel::sleep(const sigset_t* mask) {
  for (;;) {
    if (!rings_->reader.fall_asleep() || answer_there()) break;
    if (!socket_.still_ours()) break;
    pollfd answer{socket_.fd(), POLLIN, 0};
    const int ready = ::ppoll(&answer, 1, nullptr, mask);
    const bool interrupted = ready < 0 && errno == EINTR;
    rings_->reader.wake();
    if (interrupted && mask != nullptr) return Wait::kInterrupted;
    if (answer_there()) break;
    if (!interrupted && !skip_bells(MSG_DONTWAIT)) break;
  }
  rings_->reader.wake();
  return Wait::kReady;
}

// Reads away the bells that are next; `flags`: MSG_DONTWAIT, or 0 to wait for something else. False: that is next, or the
// end is.
bool Channel::skip_bells(int flags) {
  local::FrameHeader header;
  for (;;) {
    const ssize_t got = ::recv(socket_.fd(), &header, sizeof header, MSG_PEEK | flags);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (got != sizeof header || header.kind != kBell.kind) return false;
    ::recv(socket_.fd(), &header, sizeof header, 0);
  }
}

// ---------------------------------------------------------------- the answer

Io Channel::receive_head(void* head, std::size_t size) {
  std::size_t done = 0;
  answered_by_ring_ = false;
  wait(nullptr);
  if (asked_by_ring_ && !answer_there()) return Io::kClosed;
  if (answered_by_ring_) return take(head, size, &done);
  if (rings_ && !socket_.still_ours()) return Io::kClosed;
  if (rings_) skip_bells(0);
  const Io io = files_.receive(socket_.fd(), head, size);
  if (rings_) ++rings_->from_socket;
  return io;
}

Io Channel::take(void* bytes, std::size_t size, std::size_t* done) {
  if (rings_->reader.available() < size) return Io::kClosed;
  rings_->reader.take(bytes, size);
  rings_->reader.release();
  *done = size;
  return Io::kOk;
}

Io Channel::receive(void* bytes, std::size_t size, std::size_t* done) {
  if (!answered_by_ring_) return receive_all(socket_.fd(), bytes, size, done);
  *done = 0;
  return is_writable(bytes, size) ? take(bytes, size, done) : Io::kBadMemory;
}

Io Channel::discard(std::size_t size) {
  if (!answered_by_ring_) return client::discard(socket_.fd(), size);
  if (rings_->reader.available() < size) return Io::kClosed;
  rings_->reader.skip(size);
  rings_->reader.release();
  return Io::kOk;
}

// ---------------------------------------------------------------- the end

bool Channel::may_have_been_seen() const {
  return !asked_by_ring_ || rings_->writer.was_read(rings_->request_end);
}

void Channel::forget() {
  socket_.close();
  if (rings_) rings_->memory.forget();
}

// shutdown, not close alone: a process forked at this moment may hold a copy of the descriptor.
void Channel::give_back() {
  if (socket_.still_ours()) ::shutdown(socket_.fd(), SHUT_RDWR);
  socket_.close();
}

}  // namespace netmsg::client
