// SPDX-License-Identifier: Apache-2.0
// What a lane's frames go through: its socket, and rings beside it if it has any (proto/local/ring.h). Which way each
// one goes is decided here; the lane does not see it. One request at a time.
//
// States, each with its way (ring or socket)
//   idle       send() of a request       asked
//   asked      wait()                    asked: the answer is there, or a signal has come
//              receive_head()            reading: what follows comes the same way
//   reading    all of it received        idle
//   any        the other end is gone     -: kClosed from everything
// A signal handler may leave any function for good; the lane knows what that means (lane.h).
//
// Owner: the lane. Threads: the lane's; after fork the child's may call forget().
#pragma once

#include <signal.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "client/src/descriptor.h"
#include "client/src/incoming_files.h"
#include "client/src/memory.h"
#include "client/src/ring_memory.h"
#include "client/src/socket_io.h"
#include "proto/local/patience.h"
#include "proto/local/ring_ends.h"

namespace netmsg::client {

class Channel {
 public:
  // `rings` may be empty: all goes through the socket then.
  Channel(Descriptor socket, RingMemory rings);
  ~Channel() { give_back(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // False: the program has closed the socket, or given its number another meaning. With rings the socket is looked at
  // where it is used, which is seldom.
  bool usable() const { return rings_.has_value() || socket_.still_ours(); }
  bool has_rings() const { return rings_.has_value(); }

  // A request: as send_parts, of which the first kAskedParts are readable. `place`: where the answer is to go.
  static constexpr std::size_t kAskedParts = SentMemory::kPartsBefore;
  Io send(std::span<iovec> parts, bool* started, const AnswerPlace& place, std::span<const int> files);
  // Another frame about the last request, the same way.
  bool send_after(const local::FrameHeader& frame);

  enum class Wait { kReady, kInterrupted };
  // Until the answer, or the end, is there; with `mask`, or until a signal that it lets in was handled.
  Wait wait(const sigset_t* mask);
  // The answer's first bytes, at least a frame's header. Waits.
  Io receive_head(void* head, std::size_t size);
  // The next bytes of the answer. kBadMemory: *done bytes have been received; the rest can be.
  Io receive(void* bytes, std::size_t size, std::size_t* done);
  // The same into the library's own memory, which is there.
  Io receive_own(void* bytes, std::size_t size);
  Io discard(std::size_t size);
  // The descriptors of the answer.
  IncomingFiles& files() { return files_; }

  // After the end: may the daemon have seen the last request?
  bool may_have_been_seen() const;
  // In a forked child: leaves all to the parent.
  void forget();

 private:
  struct Rings {
    explicit Rings(RingMemory mapped)
        : memory(std::move(mapped)), writer(memory->to_daemon), reader(memory->to_client) {}
    RingMemory memory;
    local::RingWriter writer;
    local::RingReader reader;
    local::Patience patience;
    std::uint32_t from_socket = 0;  // answers that have been read from it
    std::uint64_t request_end = 0;
    bool filling = false;  // the window, or left while it was
  };

  // What the socket has given of an answer together with its head: all of a small one, so that it takes one system call.
  struct Ahead {
    std::array<std::byte, 256> bytes;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  bool begin(std::span<const iovec> parts);
  bool begin_in_window(const iovec& header);
  void stop_filling();
  Io put(std::span<const iovec> parts);
  Io take_head(void* head, std::size_t size);
  Io take(void* bytes, std::size_t size, std::size_t* done);
  std::size_t take_ahead(void* bytes, std::size_t size);
  Io receive_rest(void* bytes, std::size_t size, std::size_t* done);
  bool is_usable(void* bytes, std::size_t size) const;
  bool wake_daemon();
  bool answer_there();
  bool await_shortly(bool may_nap);
  bool await_awake();
  bool enter_crowd();
  void leave_crowd();
  bool nap();
  void forget_place();
  Wait sleep(const sigset_t* mask);
  bool take_bell();
  void skip_bells();
  void give_back();

  Descriptor socket_;
  std::optional<Rings> rings_;
  IncomingFiles files_;
  Ahead ahead_;
  AnswerPlace place_;      // as far as it is known
  bool in_crowd_ = false;  // of the threads that wait
  bool asked_by_ring_ = false;
  bool answered_by_ring_ = false;
};

}  // namespace netmsg::client
