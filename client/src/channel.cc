// SPDX-License-Identifier: Apache-2.0
#include "client/src/channel.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace netmsg::client {

namespace {

using Clock = local::Patience::Clock;

constexpr local::FrameHeader kBell{0, static_cast<std::uint16_t>(local::Kind::kBell), 0, 0};

// Threads of this program that wait for answers which may come soon. Where there are as many as kCrowd, nobody gives up the
// processor in turns: each turn would pass by all of them, and most would find nothing in theirs.
constexpr int kCrowd = 4;
std::atomic<int> crowd{0};

// So late does a thread that waits learn that the daemon has ended.
constexpr long kNapNs = 50'000'000;

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

Io Channel::send(std::span<iovec> parts, bool* started, const AnswerPlace& place,
                 std::span<const int> files) {
  *started = false;
  leave_crowd();
  place_ = place;
  asked_by_ring_ = rings_ && files.empty() && begin(parts);
  if (asked_by_ring_) return put(parts);
  if (rings_ && !socket_.still_ours()) return Io::kClosed;
  return send_parts(socket_.fd(), parts, started, files);
}

// What a handler has left half-way is over.
bool Channel::begin(std::span<const iovec> parts) {
  const std::size_t size = size_of(parts);
  stop_filling();
  return fits(size) ? rings_->writer.begin(size) : begin_in_window(parts[0]);
}

bool Channel::begin_in_window(const iovec& header) {
  local::FrameHeader frame;
  std::memcpy(&frame, header.iov_base, sizeof frame);
  rings_->filling = rings_->writer.start_filling();
  if (!rings_->filling) return false;
  const bool begun = rings_->writer.begin_in_window(frame);
  if (!begun) stop_filling();
  return begun;
}

void Channel::stop_filling() {
  if (std::exchange(rings_->filling, false)) rings_->writer.stop_filling();
}

// REQUIRES: the frame has begun. Like sendmsg, a cancellation point.
Io Channel::put(std::span<const iovec> parts) {
  pthread_testcancel();
  if (parts.size() > kAskedParts && !are_readable(parts.subspan(kAskedParts))) {
    stop_filling();
    return Io::kBadMemory;
  }
  for (const iovec& part : rings_->filling ? parts.subspan(1) : parts)
    rings_->writer.put(part.iov_base, part.iov_len);
  rings_->writer.publish();
  rings_->request_end = rings_->writer.end();
  stop_filling();
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
    if (answer_there()) return Wait::kReady;
    const Wait waited = await_shortly(mask == nullptr) ? Wait::kReady : sleep(mask);
    if (waited == Wait::kReady) rings_->patience.over(Clock::now());
    return waited;
  }
  forget_place();
  // To receive would be to wait too, but woken once more: when the daemon reads the request, which makes room for another.
  // Whoever receives finds out what became of a socket that is not there.
  if (socket_.fd() < 0 || (rings_ && !socket_.still_ours())) return Wait::kReady;
  pollfd answer{socket_.fd(), POLLIN, 0};
  const int ready = ::ppoll(&answer, 1, nullptr, mask);
  return ready < 0 && errno == EINTR ? Wait::kInterrupted : Wait::kReady;
}

// A ring that cannot be is left to the reader.
bool Channel::answer_there() {
  answered_by_ring_ = rings_->reader.look() != local::RingReader::Look::kEmpty;
  return answered_by_ring_ || rings_->reader.elsewhere() != rings_->from_socket;
}

// Where the answer costs least if it comes soon: awake, unless many of this program wait, then napping. True: it is there.
bool Channel::await_shortly(bool may_nap) {
  const bool is_crowd = enter_crowd();
  const bool is_there = (!is_crowd && await_awake()) || (may_nap && nap());
  leave_crowd();
  return is_there;
}

// Gives up the processor in turns, for the moment in which most answers come. A cancellation point, as the sleep is.
bool Channel::await_awake() {
  local::Patience& patience = rings_->patience;
  if (!patience.begin(Clock::now())) return false;
  do {
    pthread_testcancel();
    local::yield_once(patience);
  } while (!answer_there() && patience.goes_on());
  if (!patience.goes_on()) forget_place();  // perhaps long after the last question
  return answer_there();
}

// True: there are many. A handler's longjmp may leave us in it until the next request, and between two steps here one less
// may be counted from then on.
bool Channel::enter_crowd() {
  in_crowd_ = true;
  return crowd.fetch_add(1, std::memory_order_relaxed) >= kCrowd;
}

void Channel::leave_crowd() {
  if (!in_crowd_) return;
  crowd.fetch_sub(1, std::memory_order_relaxed);
  in_crowd_ = false;
}

// What was asked about the place of the answer is long ago.
void Channel::forget_place() {
  if (!place_.stays) place_ = {};
}

// Sleeps where the daemon wakes us at the least cost. True: the answer is there. A signal's handler, the daemon's end and
// the time may end it too. Like the sleep, a cancellation point.
bool Channel::nap() {
  forget_place();
  constexpr auto kHow = local::Sleep::kAtTheWord;
  if (rings_->reader.fall_asleep(kHow) && !answer_there()) {
    const timespec most{0, kNapNs};
    ::syscall(SYS_futex, &rings_->reader.sleep_word(), FUTEX_WAIT, kHow, &most, nullptr, 0);
  }
  rings_->reader.wake();
  pthread_testcancel();
  return answer_there();
}

// The socket wakes us: by a bell, an answer, or its end. Signals that `mask` lets in are handled in ppoll and nowhere else;
// one that has come before ends it at once.
Channel::Wait Channel::sleep(const sigset_t* mask) {
  forget_place();
  while (rings_->reader.fall_asleep() && !answer_there() && socket_.still_ours()) {
    pollfd answer{socket_.fd(), POLLIN, 0};
    const int ready = ::ppoll(&answer, 1, nullptr, mask);
    const bool interrupted = ready < 0 && errno == EINTR;
    if (interrupted && mask != nullptr) {
      rings_->reader.wake();
      return Wait::kInterrupted;
    }
    if ((ready > 0 && !take_bell()) || answer_there()) break;
  }
  rings_->reader.wake();
  return Wait::kReady;
}

// There is something in the socket. False: an answer, or the end.
bool Channel::take_bell() {
  local::FrameHeader bell;
  if (rings_->reader.elsewhere() != rings_->from_socket) return false;
  return ::recv(socket_.fd(), &bell, sizeof bell, MSG_DONTWAIT) == sizeof bell;
}

// Before an answer in the socket: those that came for nothing.
void Channel::skip_bells() {
  local::FrameHeader next;
  ssize_t got;
  do {
    got = ::recv(socket_.fd(), &next, sizeof next, MSG_PEEK);
    if (got == sizeof next && next.kind == kBell.kind) ::recv(socket_.fd(), &next, sizeof next, 0);
  } while (got < 0 ? errno == EINTR : got == sizeof next && next.kind == kBell.kind);
}

// ---------------------------------------------------------------- the answer

Io Channel::receive_head(void* head, std::size_t size) {
  answered_by_ring_ = false;
  wait(nullptr);
  if (asked_by_ring_ && !answer_there()) return Io::kClosed;
  if (answered_by_ring_) return take_head(head, size);
  if (rings_ && !socket_.still_ours()) return Io::kClosed;
  if (rings_) skip_bells();
  // Beside rings nothing is read ahead: what comes behind the answer may be a bell.
  const std::span<std::byte> room = rings_ ? std::span<std::byte>() : ahead_.bytes;
  ahead_.begin = 0;
  const Io io = files_.receive(socket_.fd(), head, size, room, &ahead_.end);
  if (rings_) ++rings_->from_socket;
  return io;
}

// What follows the frame's header may be in the window.
Io Channel::take_head(void* head, std::size_t size) {
  local::FrameHeader header;
  local::RingReader& reader = rings_->reader;
  if (reader.available() < sizeof header) return Io::kClosed;
  reader.take(&header, sizeof header);
  if (std::exchange(header.zero, 0) == local::kInWindow && !reader.go_to_window(header.length))
    return Io::kClosed;
  std::memcpy(head, &header, sizeof header);
  std::size_t done = 0;
  return take(static_cast<std::byte*>(head) + sizeof header, size - sizeof header, &done);
}

Io Channel::take(void* bytes, std::size_t size, std::size_t* done) {
  if (rings_->reader.available() < size) return Io::kClosed;
  rings_->reader.take(bytes, size);
  rings_->reader.release();
  *done = size;
  return Io::kOk;
}

Io Channel::receive(void* bytes, std::size_t size, std::size_t* done) {
  *done = 0;
  // What the kernel puts there it looks at itself.
  const bool is_put_here = answered_by_ring_ || ahead_.begin < ahead_.end;
  if (is_put_here && !is_usable(bytes, size)) return Io::kBadMemory;
  return answered_by_ring_ ? take(bytes, size, done) : receive_rest(bytes, size, done);
}

bool Channel::is_usable(void* bytes, std::size_t size) const {
  return size == 0 || place_.writable.cover(bytes, size) || is_writable(bytes, size);
}

Io Channel::receive_own(void* bytes, std::size_t size) {
  std::size_t done = 0;
  return answered_by_ring_ ? take(bytes, size, &done) : receive_rest(bytes, size, &done);
}

// From the socket, but first what has been read ahead.
Io Channel::receive_rest(void* bytes, std::size_t size, std::size_t* done) {
  const std::size_t taken = take_ahead(bytes, size);
  std::size_t more = 0;
  const Io io = taken == size
                    ? Io::kOk
                    : receive_all(socket_.fd(), static_cast<std::byte*>(bytes) + taken, size - taken, &more);
  *done = taken + more;
  return io;
}

// `bytes` null: they are forgotten.
std::size_t Channel::take_ahead(void* bytes, std::size_t size) {
  const std::size_t taken = std::min(size, ahead_.end - ahead_.begin);
  if (bytes != nullptr && taken > 0) std::memcpy(bytes, ahead_.bytes.data() + ahead_.begin, taken);
  ahead_.begin += taken;
  return taken;
}

Io Channel::discard(std::size_t size) {
  if (!answered_by_ring_) return client::discard(socket_.fd(), size - take_ahead(nullptr, size));
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
  leave_crowd();
  socket_.close();
  if (rings_) rings_->memory.forget();
}

// shutdown, not close alone: a process forked at this moment may hold a copy of the descriptor.
void Channel::give_back() {
  leave_crowd();
  if (socket_.still_ours()) ::shutdown(socket_.fd(), SHUT_RDWR);
  socket_.close();
}

}  // namespace netmsg::client
