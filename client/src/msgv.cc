// SPDX-License-Identifier: Apache-2.0
// netmsg_msgv: several mach_msg calls in one crossing. Contract: <netmsg.h>. Operations that have nothing special go to
// the daemon together, as many as are in a row; every other one is a call of its own.
#include <netmsg.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

#include "client/src/batch.h"
#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/msg_call.h"

namespace netmsg::client {

namespace {

using Operations = std::span<netmsg_operation_t>;

local::MachMsg request_for(const netmsg_operation_t& asked) {
  return request_of(asked.option, asked.send_size, asked.rcv_size, asked.rcv_name, asked.timeout,
                    asked.notify);
}

// ---------------------------------------------------------------- alone

mach_msg_return_t carry_out(const netmsg_operation_t& asked) {
  return does_nothing(asked.option) ? MACH_MSG_SUCCESS : call(asked.msg, request_for(asked));
}

// ---------------------------------------------------------------- together

struct Progress {
  std::size_t begun = 0;  // of those that were left
  bool is_told = false;   // of an interruption: nothing else begins
};

// What it sends, if anything, can be read, and has no memory out of line.
bool is_plain(const netmsg_operation_t& asked, const local::MachMsg& request, SentMemory& memory,
              PagesAsked& readable) {
  if (request.send_size == 0) return true;
  if (!readable.cover(asked.msg, request.send_size)) {
    if (!is_readable(asked.msg, request.send_size)) return false;
    readable.add(asked.msg, request.send_size);
  }
  if ((asked.msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) return true;
  const auto found = memory.find(asked.msg, request.send_size, Task::current().memory_max());
  const bool has_memory = memory.count() != 0;
  memory.clear();
  return found == SentMemory::Found::kOk && !has_memory;
}

// Puts together those in front that can go together; says if one of them asks to be told of interruptions.
bool gather(Operations operations, int flags, ThreadState& thread) {
  PagesAsked readable;
  bool interruptible = false;
  thread.batch->begin((flags & NETMSG_STOP) != 0);
  thread.memory.clear();
  for (const netmsg_operation_t& asked : operations) {
    const local::MachMsg request = request_for(asked);
    const bool fits = !does_nothing(asked.option) && check_size(request) == MACH_MSG_SUCCESS &&
                      !receives_from_reply_port(request, thread) &&
                      is_plain(asked, request, thread.memory, readable) &&
                      thread.batch->add(request, asked.msg);
    if (!fits) break;
    interruptible = interruptible || asks_for_interruption(request.option);
  }
  return interruptible;
}

// Into the caller's buffer; writes the answer's state of it.
Io write(const Batch::Answer& from, void* buffer, PagesAsked& writable) {
  if (from.done.length == 0) return Io::kOk;
  char* const to = static_cast<char*>(buffer) + from.done.offset;
  if (!writable.cover(to, from.done.length)) {
    if (!is_writable(to, from.done.length)) return Io::kBadMemory;
    writable.add(to, from.done.length);
  }
  std::memcpy(to, from.bytes, from.done.length);
  return Io::kOk;
}

mach_msg_return_t take_answer(const netmsg_operation_t& asked, Batch& batch, PagesAsked& writable) {
  const std::optional<Batch::Answer> from = batch.next_answer();
  if (!from) return msg_code(Reach::kLost, asked.option);
  Lane::MsgAnswer answer;
  answer.done = from->done;
  answer.receive = write(*from, asked.msg, writable);
  return result_of(answer);
}

// The daemon has ended: what became of each nobody knows.
Progress lose_all(Operations operations) {
  for (netmsg_operation_t& asked : operations) asked.result = msg_code(Reach::kLost, asked.option);
  return {operations.size(), false};
}

// An interruption that the last one does not want to be told of: it goes on, by itself.
void go_on(netmsg_operation_t& asked) {
  local::MachMsg request = request_for(asked);
  if (goes_on(asked.result, &request)) asked.result = call(asked.msg, request);
}

bool is_interruption(mach_msg_return_t code) {
  return code == MACH_SEND_INTERRUPTED || code == MACH_RCV_INTERRUPTED;
}

// The answers, and what an interruption comes to.
Progress take_answers(Operations operations, Batch& batch, const Lane::BatchAnswer& answer) {
  PagesAsked writable;
  const std::size_t begun = answer.answered;
  if (begun > 0) {
    for (netmsg_operation_t& asked : operations.first(begun - 1))
      asked.result = take_answer(asked, batch, writable);
    operations[begun - 1].result = result_of(answer.last);
  }
  if (begun > 0 && is_interruption(operations[begun - 1].result)) {
    go_on(operations[begun - 1]);
    return {begun, is_interruption(operations[begun - 1].result)};
  }
  const bool next_asks = begun < operations.size() &&
                         asks_for_interruption(static_cast<std::uint32_t>(operations[begun].option));
  return {begun, answer.cancelled && next_asks};
}

// None has begun: fewer than two can go together, there is no room for them, or no daemon.
Progress carry_out_together(Operations operations, int flags) {
  ThreadState* const thread = Task::current().this_thread();
  if (thread == nullptr) return {};
  if (thread->batch == nullptr) thread->batch.reset(new (std::nothrow) Batch);
  if (thread->batch == nullptr) return {};
  Batch& batch = *thread->batch;
  const bool interruptible = gather(operations, flags, *thread);
  if (batch.count() < 2) return {};
  Lane::BatchAnswer answer;
  const Reach reach =
      Task::current().run([&](Lane& lane) { return lane.batch(batch, interruptible, &answer); });
  if (reach == Reach::kLost) return lose_all(operations.first(batch.count()));
  return reach == Reach::kOk ? take_answers(operations, batch, answer) : Progress{};
}

// ---------------------------------------------------------------- all of them

// The number that have begun.
std::size_t carry_out_all(Operations operations, int flags) {
  std::size_t begun = 0;
  while (begun < operations.size()) {
    const Progress progress = carry_out_together(operations.subspan(begun), flags);
    begun += progress.begun;
    if (progress.is_told) break;
    if (progress.begun == 0) {
      operations[begun].result = carry_out(operations[begun]);
      ++begun;
    }
    const mach_msg_return_t last = operations[begun - 1].result;
    if (is_interruption(last) || ((flags & NETMSG_STOP) != 0 && last != MACH_MSG_SUCCESS)) break;
  }
  return begun;
}

}  // namespace
}  // namespace netmsg::client

extern "C" {

NETMSG_EXPORT unsigned netmsg_msgv(netmsg_operation_t* operations, unsigned count, int flags) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  const std::span<netmsg_operation_t> all(operations, count);
  for (netmsg_operation_t& asked : all) asked.result = NETMSG_NOT_BEGUN;
  return static_cast<unsigned>(carry_out_all(all, flags));
}

}  // extern "C"
