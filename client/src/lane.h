// SPDX-License-Identifier: Apache-2.0
// A lane: one thread's way to the daemon (proto/local/frame.h). One request at a time.
//
// States: what the thread was doing when it last left, which is where a handler's longjmp or a cancellation
// may have taken it away from.
//   state      event                   next       the lane is
//   idle       request                 sending    at a frame boundary in both directions
//   sending    request sent            waiting    perhaps within a frame: useless if abandoned
//   waiting    answer begins to arrive reading    at a frame boundary; an answer to `id_` is due
//   reading    answer read             idle       within a frame: useless if abandoned
//   any        connection ends         broken
// An abandoned wait is cancelled and its answer dropped by the next request (recover()).
//
// Owner: the thread's state (task.h). Threads: the owning one; after fork the child's may call forget().
#pragma once

#include <signal.h>

#include <cstdint>
#include <span>
#include <vector>

#include "client/src/batch.h"
#include "client/src/channel.h"
#include "client/src/descriptor.h"
#include "client/src/memory.h"
#include "client/src/ring_memory.h"
#include "client/src/socket_io.h"
#include "proto/local/frame.h"

namespace netmsg::client {

class Lane {
 public:
  // `rings` may be empty.
  Lane(Descriptor socket, RingMemory rings) : channel_(std::move(socket), std::move(rings)) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  enum class Outcome {
    kOk,
    kNotSent,  // the lane is broken and the request has had no effect: may be repeated on another lane
    kLost,     // the lane is broken; what became of the request is not known
  };

  // Brings an abandoned lane back to idle. False: it is of no further use, take another.
  bool recover();

  struct MsgAnswer {
    local::MachMsgDone done{};
    Io send = Io::kOk;                   // kBadMemory: message or memory was not readable; nothing was asked
                                         // kNoFiles: nor was it
    Io receive = Io::kOk;                // kBadMemory: the buffer was not writable; the bytes are lost
    mach_msg_return_t memory_lost = 0;   // there was no room for some region: the bits of spec 03 §8
    std::vector<LostRight> lost_rights;  // of arrays among those
  };
  // Where a caller's message is, and is to be.
  struct Buffer {
    void* bytes;
    const AnswerPlace& place;  // the same memory
  };
  // mach_msg. `buffer` holds request.send_size bytes to send, all readable, with request.regions regions in `memory`, and is
  // written as the answer says; the regions that came with it are mapped. What was to be deallocated is when
  // the answer comes. With `interruptible` a signal handler that runs between the call and the answer ends a
  // blocked operation; no signal is missed. REQUIRES: idle.
  Outcome mach_msg(const local::MachMsg& request, const Buffer& buffer, SentMemory& memory,
                   bool interruptible, MsgAnswer* answer);
  // Several of them (proto/local/frame.h, "Batches"). `answered` of them have begun, and ended; the answers but the last
  // are in the batch, what the last one brought is where the caller wants it. `cancelled`: a handler ran. REQUIRES: idle.
  struct BatchAnswer {
    std::uint32_t answered = 0;
    bool cancelled = false;
    MsgAnswer last;
  };
  Outcome batch(Batch& batch, bool interruptible, BatchAnswer* answer);
  // A port call. REQUIRES: idle.
  Outcome port_call(const local::PortCall& request, local::PortCallDone* done);

  bool has_rings() const { return channel_.has_rings(); }
  // In a forked child: closes the descriptor and leaves the connection to the parent.
  void forget() { channel_.forget(); }

 private:
  enum class State { kIdle, kSending, kWaiting, kReading, kBroken };

  // The first part of every answer, read in one piece.
  struct AnswerHead {
    local::FrameHeader header;
    local::MachMsgDone done;
  };
  static_assert(sizeof(AnswerHead) == sizeof(local::FrameHeader) + sizeof(local::MachMsgDone), "no padding");
  static_assert(sizeof(local::PortCallDone) > sizeof(local::MachMsgDone), "both answers fill the head");

  Outcome exchange(const local::MachMsg& request, const Buffer& buffer, SentMemory& memory,
                   const sigset_t* wait_mask, MsgAnswer* answer);
  Outcome exchange_batch(Batch& batch, const sigset_t* wait_mask, BatchAnswer* answer);
  Outcome receive_message(const local::MachMsgDone& done, void* buffer, MsgAnswer* answer);
  Io send_mach_msg(const local::MachMsg& request, const Buffer& buffer, SentMemory& memory);
  Io send_request(local::Kind kind, std::span<iovec> parts, const AnswerPlace& place = {},
                  std::span<const int> files = {});
  bool wait_or_cancel(const sigset_t& mask);
  Outcome closed();
  bool receive_head();
  Io receive_bytes(void* buffer, std::size_t size);
  bool receive_regions(std::uint32_t count, char* message, MsgAnswer* answer);
  Io receive_region(char* message, const local::ReceivedRegion& region, MsgAnswer* answer);
  Io receive_file(char* message, const local::ReceivedRegion& region, MsgAnswer* answer);
  Io lose_region(const char* message, const local::ReceivedRegion& region, MsgAnswer* answer);
  bool send_cancel();
  bool drop_answer();
  bool is_expected_answer() const;
  Outcome broken(Outcome outcome);

  Channel channel_;
  State state_ = State::kIdle;
  local::Kind answer_kind_ = local::Kind::kMachMsgDone;
  std::uint64_t id_ = 0;
  AnswerHead head_{};  // header.kind is 0 as long as no byte of the answer has been read
};

}  // namespace netmsg::client
