// SPDX-License-Identifier: Apache-2.0
#include "client/src/lane.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "client/src/guards.h"

namespace netmsg::client {

// Interruption (spec 03 §14). The numbers are repeated at the places.
// (1) All signals are blocked before the request is sent: from here on a handler can run at (2) only.
// (2) ppoll lets them in and sleeps as one step; a signal that came after (1) ends it at once.
// (3) A handler has run: Cancel goes out; the one answer, which says who won, is awaited, signals blocked.
Lane::Outcome Lane::mach_msg(const local::MachMsg& request, void* buffer, bool interruptible,
                             MsgAnswer* answer) {
  if (!interruptible) return exchange(request, buffer, nullptr, answer);
  const SignalGuard blocked;  // (1)
  return exchange(request, buffer, &blocked.outside(), answer);
}

Lane::Outcome Lane::exchange(const local::MachMsg& request, void* buffer, const sigset_t* wait_mask,
                             MsgAnswer* answer) {
  local::MachMsg copy = request;
  answer_kind_ = local::Kind::kMachMsgDone;
  answer->send = send_request(local::Kind::kMachMsg, {&copy, sizeof copy}, {buffer, request.send_size});
  if (answer->send == Io::kBadMemory) return Outcome::kOk;
  if (answer->send == Io::kClosed) return broken(Outcome::kNotSent);
  if (wait_mask != nullptr) wait_or_cancel(*wait_mask);
  if (!receive_head()) return broken(Outcome::kLost);
  answer->done = head_.done;
  answer->receive = receive_bytes(static_cast<char*>(buffer) + head_.done.offset, head_.done.length);
  if (answer->receive == Io::kClosed) return broken(Outcome::kLost);
  state_ = State::kIdle;
  return Outcome::kOk;
}

Lane::Outcome Lane::port_call(const local::PortCall& request, local::PortCallDone* done) {
  local::PortCall copy = request;
  answer_kind_ = local::Kind::kPortCallDone;
  if (send_request(local::Kind::kPortCall, {&copy, sizeof copy}, {nullptr, 0}) != Io::kOk)
    return broken(Outcome::kNotSent);
  if (!receive_head()) return broken(Outcome::kLost);
  char bytes[sizeof *done];
  std::memcpy(bytes, &head_.done, sizeof head_.done);
  if (receive_bytes(bytes + sizeof head_.done, sizeof bytes - sizeof head_.done) != Io::kOk)
    return broken(Outcome::kLost);
  std::memcpy(done, bytes, sizeof bytes);
  state_ = State::kIdle;
  return Outcome::kOk;
}

bool Lane::recover() {
  switch (state_) {
    case State::kIdle:
      if (!socket_.still_ours()) state_ = State::kBroken;
      break;
    case State::kWaiting:
      // A handler may have taken the thread away between the
      // arrival of the first bytes and the move to kReading.
      state_ = head_.header.kind == 0 && socket_.still_ours() && send_cancel() && drop_answer()
                   ? State::kIdle
                   : State::kBroken;
      break;
    case State::kSending:
    case State::kReading:
    case State::kBroken:
      state_ = State::kBroken;
      break;
  }
  return state_ == State::kIdle;
}

Io Lane::send_request(local::Kind kind, iovec payload, iovec extra) {
  const auto length = static_cast<std::uint32_t>(payload.iov_len + extra.iov_len);
  local::FrameHeader header{length, static_cast<std::uint16_t>(kind), 0, ++id_};
  iovec parts[] = {{&header, sizeof header}, payload, extra};
  bool started = false;
  head_.header.kind = 0;
  state_ = State::kSending;
  const Io io = send_parts(socket_.fd(), parts, 3, &started);
  if (io == Io::kOk) state_ = State::kWaiting;
  // Nothing has gone out: as if nothing had been tried.
  // Else the frame is cut short and so is the lane's life.
  if (io == Io::kBadMemory) state_ = started ? State::kBroken : State::kIdle;
  return io;
}

void Lane::wait_or_cancel(const sigset_t& mask) {
  pollfd answer{socket_.fd(), POLLIN, 0};
  const int ready = ::ppoll(&answer, 1, nullptr, &mask);  // (2)
  if (ready < 0 && errno == EINTR) send_cancel();         // (3)
}

bool Lane::receive_head() {
  std::size_t done = 0;
  if (receive_all(socket_.fd(), &head_, sizeof head_, &done) != Io::kOk) return false;
  state_ = State::kReading;
  return is_expected_answer();
}

bool Lane::is_expected_answer() const {
  if (head_.header.id != id_ || head_.header.kind != static_cast<std::uint16_t>(answer_kind_)) return false;
  if (answer_kind_ == local::Kind::kPortCallDone) return head_.header.length == sizeof(local::PortCallDone);
  return head_.header.length == sizeof head_.done + std::uint64_t{head_.done.length};
}

Io Lane::receive_bytes(void* buffer, std::size_t size) {
  std::size_t done = 0;
  const Io io = receive_all(socket_.fd(), buffer, size, &done);
  if (io != Io::kBadMemory) return io;
  return discard(socket_.fd(), size - done) == Io::kOk ? Io::kBadMemory : Io::kClosed;
}

bool Lane::send_cancel() {
  const local::FrameHeader cancel{0, static_cast<std::uint16_t>(local::Kind::kCancel), 0, id_};
  return send_all(socket_.fd(), &cancel, sizeof cancel) == Io::kOk;
}

bool Lane::drop_answer() {
  return receive_head() && discard(socket_.fd(), head_.header.length - sizeof head_.done) == Io::kOk;
}

Lane::Outcome Lane::broken(Outcome outcome) {
  state_ = State::kBroken;
  return outcome;
}

// shutdown, not close alone: a process forked at this moment may hold a copy of the descriptor.
void Lane::give_back() {
  if (socket_.still_ours()) ::shutdown(socket_.fd(), SHUT_RDWR);
  socket_.close();
}

}  // namespace netmsg::client
