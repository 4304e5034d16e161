// SPDX-License-Identifier: Apache-2.0
// The floors' way to carry frames between two processes, and what is done over one: a client with one request in
// flight or with many, a server that answers each with 64 bytes, and somebody between them. One file for each kind of
// wire: ring_wire, socket_wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "tests/bench/crew.h"

namespace netmsg::bench {

inline constexpr std::size_t kReplyBytes = 64;

// One end, in one process.
class Wire {
 public:
  virtual ~Wire() = default;
  // Put in line; goes out with flush() at the latest. Waits as long as there is no room.
  virtual void send(std::span<const std::byte> frame) = 0;
  virtual void flush() {}
  // The next frame; valid until the next call. Waits for one.
  virtual std::span<const std::byte> receive() = 0;
  // The same, or an empty one if there is none now.
  virtual std::span<const std::byte> poll() = 0;
  // Is it worth while to look for more before flushing? Where each frame is a system call it only costs one more.
  virtual bool gathers() const { return true; }
};

// One request of `bytes` after another for the crew's time (at most `trips_max`): reports the trip, in us.
void measure_trips(Crew& crew, Wire& wire, std::size_t bytes, unsigned trips_max);
// `window` requests in flight for the crew's time: reports requests per second.
void measure_flight(Crew& crew, Wire& wire, std::size_t bytes, unsigned window);
// Until it is killed.
void serve(Wire& wire);
// Hands requests of `client` to `server`, and its replies back; `sleep` waits until there may be something to do.
void forward(Wire& client, Wire& server, const std::function<void()>& sleep);

// `trip` again and again, in us: for the crew's time, after a tenth of it to warm up, at least 16 and at most `most`.
void measure_each(Crew& crew, unsigned most, const std::function<void()>& trip);

}  // namespace netmsg::bench
