// SPDX-License-Identifier: Apache-2.0
#include "client/src/lane.h"

#include <cstring>
#include <new>

#include "client/src/guards.h"

namespace netmsg::client {

// Interruption (spec 03 §14). The numbers are repeated at the places.
// (1) All signals are blocked before the request is sent: from here on a handler can run at (2) only.
// (2) ppoll (in the channel) lets them in and sleeps as one step; a signal that came after (1) ends it at once.
// (3) A handler has run: Cancel goes out; the one answer, which says who won, is awaited, signals blocked.
Lane::Outcome Lane::mach_msg(const local::MachMsg& request, const Buffer& buffer, SentMemory& memory,
                             bool interruptible, MsgAnswer* answer) {
  if (!interruptible) return exchange(request, buffer, memory, nullptr, answer);
  const SignalGuard blocked;  // (1)
  return exchange(request, buffer, memory, &blocked.outside(), answer);
}

Lane::Outcome Lane::exchange(const local::MachMsg& request, const Buffer& buffer, SentMemory& memory,
                             const sigset_t* wait_mask, MsgAnswer* answer) {
  answer_kind_ = local::Kind::kMachMsgDone;
  answer->send = send_mach_msg(request, buffer, memory);
  if (answer->send == Io::kBadMemory || answer->send == Io::kNoFiles) return Outcome::kOk;
  if (answer->send == Io::kClosed) return broken(Outcome::kNotSent);
  if (wait_mask != nullptr) wait_or_cancel(*wait_mask);
  if (!receive_head()) return closed();
  memory.settle(head_.done.memory_taken);
  return receive_message(head_.done, buffer.bytes, answer);
}

// What follows a MachMsgDone, at the end of an answer.
Lane::Outcome Lane::receive_message(const local::MachMsgDone& done, void* buffer, MsgAnswer* answer) {
  answer->done = done;
  char* const message = static_cast<char*>(buffer) + done.offset;
  answer->receive = receive_bytes(message, done.length);
  if (answer->receive == Io::kClosed) return broken(Outcome::kLost);
  if (!receive_regions(done.regions, answer->receive == Io::kOk ? message : nullptr, answer))
    return broken(Outcome::kLost);
  state_ = State::kIdle;
  return Outcome::kOk;
}

Lane::Outcome Lane::batch(Batch& batch, bool interruptible, BatchAnswer* answer) {
  if (!interruptible) return exchange_batch(batch, nullptr, answer);
  const SignalGuard blocked;  // (1)
  return exchange_batch(batch, &blocked.outside(), answer);
}

Lane::Outcome Lane::exchange_batch(Batch& batch, const sigset_t* wait_mask, BatchAnswer* answer) {
  answer_kind_ = local::Kind::kBatchDone;
  iovec parts[] = {{}, batch.request()};
  if (send_request(local::Kind::kBatch, parts) != Io::kOk) return broken(Outcome::kNotSent);
  if (wait_mask != nullptr) answer->cancelled = wait_or_cancel(*wait_mask);
  if (!receive_head()) return closed();
  local::BatchDone head{};
  std::memcpy(&head, &head_.done, sizeof head);
  const iovec gathered = batch.room_for(head);
  if (gathered.iov_base == nullptr || channel_.receive_own(gathered.iov_base, gathered.iov_len) != Io::kOk)
    return broken(Outcome::kLost);
  answer->answered = head.count;
  if (head.count == 0) {
    state_ = State::kIdle;
    return Outcome::kOk;
  }
  local::MachMsgDone last{};
  if (channel_.receive_own(&last, sizeof last) != Io::kOk) return broken(Outcome::kLost);
  return receive_message(last, batch.buffer(head.count - 1), &answer->last);
}

Lane::Outcome Lane::port_call(const local::PortCall& request, local::PortCallDone* done) {
  local::PortCall copy = request;
  answer_kind_ = local::Kind::kPortCallDone;
  iovec parts[] = {{}, {&copy, sizeof copy}};
  if (send_request(local::Kind::kPortCall, parts) != Io::kOk) return broken(Outcome::kNotSent);
  if (!receive_head()) return closed();
  char bytes[sizeof *done];
  std::memcpy(bytes, &head_.done, sizeof head_.done);
  if (channel_.receive_own(bytes + sizeof head_.done, sizeof bytes - sizeof head_.done) != Io::kOk)
    return broken(Outcome::kLost);
  std::memcpy(done, bytes, sizeof bytes);
  state_ = State::kIdle;
  return Outcome::kOk;
}

bool Lane::recover() {
  switch (state_) {
    case State::kIdle:
      if (!channel_.usable()) state_ = State::kBroken;
      break;
    case State::kWaiting:
      // A handler may have taken the thread away between the
      // arrival of the first bytes and the move to kReading.
      state_ = head_.header.kind == 0 && channel_.usable() && send_cancel() && drop_answer() ? State::kIdle
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

Io Lane::send_mach_msg(const local::MachMsg& request, const Buffer& buffer, SentMemory& memory) {
  local::MachMsg copy = request;
  copy.regions = memory.count();
  iovec parts[] = {{}, {&copy, sizeof copy}, {buffer.bytes, request.send_size}};
  if (memory.count() == 0) return send_request(local::Kind::kMachMsg, parts, buffer.place);
  const Io io = send_request(local::Kind::kMachMsg, memory.frame(parts), buffer.place, memory.files());
  if (io == Io::kOk) memory.close_files();
  return io;
}

// The payload, in parts; the first one is left for the header.
Io Lane::send_request(local::Kind kind, std::span<iovec> parts, const AnswerPlace& place,
                      std::span<const int> files) {
  std::size_t length = 0;
  for (const iovec& part : parts.subspan(1)) length += part.iov_len;
  local::FrameHeader header{static_cast<std::uint32_t>(length), static_cast<std::uint16_t>(kind), 0, ++id_};
  parts[0] = {&header, sizeof header};
  bool started = false;
  head_.header.kind = 0;
  state_ = State::kSending;
  const Io io = channel_.send(parts, &started, place, files);
  if (io == Io::kOk) state_ = State::kWaiting;
  // Nothing has gone out: as if nothing had been tried.
  // Else the frame is cut short and so is the lane's life.
  if (io == Io::kBadMemory || io == Io::kNoFiles) state_ = started ? State::kBroken : State::kIdle;
  return io;
}

// True: a handler ran.
bool Lane::wait_or_cancel(const sigset_t& mask) {
  const Channel::Wait waited = channel_.wait(&mask);  // (2)
  if (waited != Channel::Wait::kInterrupted) return false;
  send_cancel();  // (3)
  return true;
}

bool Lane::receive_head() {
  if (channel_.receive_head(&head_, sizeof head_) != Io::kOk) return false;
  state_ = State::kReading;
  return is_expected_answer();
}

bool Lane::is_expected_answer() const {
  if (head_.header.id != id_ || head_.header.kind != static_cast<std::uint16_t>(answer_kind_)) return false;
  if (answer_kind_ == local::Kind::kPortCallDone) return head_.header.length == sizeof(local::PortCallDone);
  if (answer_kind_ == local::Kind::kBatchDone) return head_.header.length >= sizeof(local::BatchDone);
  const std::uint64_t without_regions = sizeof head_.done + std::uint64_t{head_.done.length};
  return head_.done.regions == 0 ? head_.header.length == without_regions
                                 : head_.header.length > without_regions;
}

Io Lane::receive_bytes(void* buffer, std::size_t size) {
  std::size_t done = 0;
  const Io io = channel_.receive(buffer, size, &done);
  if (io != Io::kBadMemory) return io;
  return channel_.discard(size - done) == Io::kOk ? Io::kBadMemory : Io::kClosed;
}

// The regions of a whole message, which is at `message` unless it was lost. False: the daemon is gone.
bool Lane::receive_regions(std::uint32_t count, char* message, MsgAnswer* answer) {
  for (std::uint32_t left = count; left > 0; --left) {
    local::ReceivedRegion region{};
    if (channel_.receive_own(&region, sizeof region) != Io::kOk) return false;
    if (receive_region(message, region, answer) != Io::kOk) return false;
  }
  return true;
}

Io Lane::receive_region(char* message, const local::ReceivedRegion& region, MsgAnswer* answer) {
  if (region.form == static_cast<std::uint16_t>(local::RegionForm::kFile))
    return receive_file(message, region, answer);
  const ReceivedMemory memory = place_region(message, region.slot, region.length);
  if (memory.pages == nullptr) return lose_region(message, region, answer);
  return receive_bytes(memory.data, region.length);
}

// Without a message nobody would ever know of the pages.
Io Lane::receive_file(char* message, const local::ReceivedRegion& region, MsgAnswer* answer) {
  const int fd = channel_.files().take();
  if (fd < 0) {
    client::lose_region(message, region.slot);
    answer->memory_lost |= MACH_MSG_VM_KERNEL;
  } else if (message == nullptr) {
    close_number(fd);
  } else if (place_file(message, region, fd).pages == nullptr) {
    answer->memory_lost |= MACH_MSG_VM_SPACE;
  }
  return Io::kOk;
}

namespace {

// Address space has run out: there may be no memory for a note either, and then the right stays in the space.
void note(std::vector<LostRight>& rights, LostRight right) {
  try {
    rights.push_back(right);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

// No room: an array's rights are noted, so that they can be given up when the lane is free; data is dropped.
Io Lane::lose_region(const char* message, const local::ReceivedRegion& region, MsgAnswer* answer) {
  answer->memory_lost |= MACH_MSG_VM_SPACE;
  const mach_msg_type_name_t type = type_of_item(message, region.slot);
  if (!MACH_MSG_TYPE_PORT_ANY_RIGHT(type)) return channel_.discard(region.length);
  for (std::uint64_t left = region.length / sizeof(mach_port_name_t); left > 0; --left) {
    mach_port_name_t name = MACH_PORT_NULL;
    if (channel_.receive_own(&name, sizeof name) != Io::kOk) return Io::kClosed;
    note(answer->lost_rights, {name, type});
  }
  return Io::kOk;
}

bool Lane::send_cancel() {
  const local::FrameHeader cancel{0, static_cast<std::uint16_t>(local::Kind::kCancel), 0, id_};
  return channel_.send_after(cancel);
}

bool Lane::drop_answer() {
  const bool dropped = receive_head() && channel_.discard(head_.header.length - sizeof head_.done) == Io::kOk;
  channel_.files().clear();
  return dropped;
}

Lane::Outcome Lane::broken(Outcome outcome) {
  state_ = State::kBroken;
  return outcome;
}

// The end, and no answer: a request that is still in the ring has had no effect.
Lane::Outcome Lane::closed() {
  return broken(channel_.may_have_been_seen() ? Outcome::kLost : Outcome::kNotSent);
}

}  // namespace netmsg::client
