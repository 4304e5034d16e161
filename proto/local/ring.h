// SPDX-License-Identifier: Apache-2.0
// A ring lane: the frames of frame.h through memory that client and daemon share.
//
// The model
//   A lane that was asked for with OpenRingLane has a socket, as every lane has, and beside it a file of memory
//   that the daemon made: one RingPair. Its size is sealed (F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL), so that nobody
//   can make the other's access fault. It holds two rings, one for each direction, each with a window beside it; in each,
//   one side writes and the other reads. What goes through a ring are whole frames, in the same bytes as through the
//   socket; of a large one the header alone, while its payload goes through the window.
//
// Which way a frame goes
//   Through the ring, unless it has descriptors, or does not fit into it as a whole at this moment: then through the
//   window, and if that may not be used, or is too small, through the socket. In addition:
//   - A request may always go through the socket; its answer comes through the socket then. (So a client that could
//     not map the file has a socket lane.)
//   - The client uses one way at a time: it sends no request through one way as long as one that it sent through the
//     other is unanswered. Cancel goes the way of its request, or through the socket if the ring has no room.
//   - The daemon takes what is in the ring before it takes a frame from the socket that was sent later, except a Bell.
//   - Before the daemon sends an answer through the socket, it adds one to `elsewhere` of the ring to the client: so a
//     client that looks at the ring sees that it has to look there. It counts what it has read, both modulo 2^32.
//   Answers that go different ways may overtake each other; their ids say which is which.
//
// Positions
//   `start`, `tail` and `head` count bytes from the lane's beginning and only grow; the byte at position p is at
//   p % kRingBytes. What has been written and not been read is [max(head, start), tail). A frame that reaches the end of
//   the ring goes on at its beginning.
//
//   word        written by   says
//   tail        writer       all before it has been written
//   start       writer       nothing unread is before it. Changed only when the ring is empty (head == tail), before
//                            `tail`: the writer goes back to the ring's first byte then. So a lane with one small
//                            request at a time touches one page of each ring, whatever its size.
//   elsewhere   writer       (to the client only) frames that went through the socket
//   head        reader       all before it has been read, and may be overwritten
//   asleep      reader: 1, 2 "wake me": see below
//               writer: 0    he has been woken, or will be at once
//   window      reader       (the daemon only) 1: the window may be used
//   filling     writer       (the client only) 1: the window is being written to
//
//   Numbers are little-endian and naturally aligned; all are 0 at first. Each group of words that one side writes has
//   a cache line of its own.
//
// Memory order
//   writer   load head (acquire); if the ring is empty: store start (relaxed); write the bytes; store tail (sequentially
//            consistent, which releases them); load asleep (sequentially consistent)
//   reader   load tail (acquire); if it has changed: load start (relaxed); read the bytes; store head (release)
//   sleeper  store asleep = 1 or 2 (sequentially consistent); load tail (sequentially consistent): if it has changed, store
//            asleep = 0 and do not sleep
//   Of the writer's store of tail and the sleeper's store of asleep one comes first in the single order of such
//   operations, and the other side sees it: either the sleeper does not sleep, or the writer rings.
//
// The window
//   Room for one payload, from its first byte on. Its frame's header goes through the ring, with kInWindow in its field
//   `zero`. Only an empty ring is followed by such a frame: so what the window held before has been read. The
//   reader moves `head` on when it has read the payload too.
//   The window's pages are there only while it is used. The daemon opens both windows of a lane, to and from the client, when
//   a frame has come or gone that was too large for the ring, and its user may have one more; it closes them when
//   they have not been used for some time, and gives the pages back (a hole is punched: they read as zeros). To itself it
//   writes down that they are open; the client finds it in `window` of the ring to the daemon. Both sides may find the window
//   the wrong way at the same moment, so:
//   client   store filling = 1; load window: if it is 0, store filling = 0, and the frame goes through the socket; write the
//            payload; publish the header (as above); store filling = 0
//   daemon   store window = 0; load filling, then tail: if something is being written, or is there unread, store
//            window = 1; else the windows are closed
//   All these are sequentially consistent: of the stores of filling and of window one comes first, and the other side sees it.
//   A client that a signal handler has taken away while it was filling has a window that stays open until it is used again.
//   A frame in a window that is not open breaks the rules.
//
// Waking
//   The writer wakes after a frame is in the ring if it finds asleep != 0 and has itself made it 0 (by an exchange, so that
//   there is one waking for each sleep). It may put several frames into the ring first. To be woken without a reason does
//   no harm: the reader looks, and sleeps again.
//   asleep == 1   by the bell: a Bell frame (no payload, id 0) through the lane's socket
//   asleep == 2   (the client only) by the word itself, which is a futex (not a private one): a third of what a bell costs
//   - The client sleeps at the word first, for a short time, since it does not learn there that the daemon has ended: so an
//     answer through the socket is followed by a waking too. Then, and where signals are to be let in by the same call, it sleeps
//     in ppoll on its end of the socket: a bell, an answer there and the daemon's end all wake it. It sets asleep before, and
//     back to 0 when it wakes. Bells and answers come in one stream: who reads an answer there skips the bells before it.
//   - The daemon sleeps in its event loop, which waits for all sockets. Rings it looks at only as long as their lane is
//     *active*. One that it will not look at any more has asleep == 1 (so is each lane at its start); a bell makes it
//     active again, and so does any frame from the socket.
//   The daemon rings without ever waiting: a socket that is full wakes the client anyway.
//   - A lane that waits for its answer is not active either: all that it may say is Cancel, and it rings for that. The
//     daemon stores asleep = 0 before it publishes an answer, so that the next request needs no bell.
//
// Waiting
//   Before either side sleeps it looks at its rings and gives up its processor (sched_yield) in turns, for 20 us at the most,
//   unless what came last came long after (patience.h), or many threads of the program wait, whose turns would be in vain.
//   Nobody ever spins without giving up the processor.
//
// Trust
//   The daemon believes nothing that it reads here. Its own positions are its own; `tail` and `start` are taken if they
//   are possible, else the task ends (frame.h, "Ends"), as it does for half a frame. `head` out of range is a full
//   ring. Each byte is copied once and judged from the copy. `asleep` that lies costs the liar bells, or its wake-ups.
//   A page whose hole the client punches reads as zeros, which are no frame. The daemon's own holes are punched by a
//   thread of the lane's user: whoever holds the file's lock keeps that thread, and his own window, and nobody else.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace netmsg::local {

inline constexpr std::size_t kRingBytes = 128U << 10;  // of each direction; only touched pages are ever there
// Likewise: the largest message there can be by default, and what goes with it.
inline constexpr std::size_t kWindowBytes = (1U << 20) + (64U << 10);
inline constexpr std::uint16_t kInWindow = 1;

struct RingWords {
  // The writer's.
  alignas(64) std::atomic<std::uint64_t> start;
  std::atomic<std::uint64_t> tail;
  std::atomic<std::uint32_t> elsewhere;
  std::atomic<std::uint32_t> filling;
  // The reader's.
  alignas(64) std::atomic<std::uint64_t> head;
  std::atomic<std::uint32_t> asleep;
  std::atomic<std::uint32_t> window;
};

struct Ring {
  RingWords words;
  alignas(4096) std::byte bytes[kRingBytes];
  alignas(4096) std::byte window[kWindowBytes];
};

// The file.
struct RingPair {
  Ring to_daemon;
  Ring to_client;
};

static_assert(sizeof(RingWords) == 128);
static_assert(offsetof(RingWords, tail) == 8 && offsetof(RingWords, elsewhere) == 16 &&
              offsetof(RingWords, filling) == 20);
static_assert(offsetof(RingWords, head) == 64 && offsetof(RingWords, asleep) == 72 &&
              offsetof(RingWords, window) == 76);
static_assert(offsetof(Ring, bytes) == 4096 && offsetof(Ring, window) == 4096 + kRingBytes);
static_assert(offsetof(RingPair, to_client) == 4096 + kRingBytes + kWindowBytes);
static_assert(sizeof(RingPair) == 2 * (4096 + kRingBytes + kWindowBytes));
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(std::atomic<std::uint64_t>) == 8);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

}  // namespace netmsg::local
