// SPDX-License-Identifier: Apache-2.0
// A TCP link between two daemons of a test that has the faults it is told to have: what one dials is passed on
// to where the other listens, by a thread of the link's own. Its state is that of the link, so connections made
// later are treated alike; each call returns when its effect is there.
//
//   the daemon that dials   == kThere ==>   the daemon that listens
//                           <== kBack ===
//
//   what is asked   connections there are       connections made later    what was under way
//   hold            stay, that way is silent    likewise                  waits, then goes on in order
//   delay           every byte is late          likewise                  goes on as it was
//   throttle        so many bytes a second      likewise                  goes on, slowly
//   half_close      that way has ended          as if nothing were        arrives first
//   reset           are reset                   as if nothing were        is lost
//   cut             are reset                   are reset at once         is lost
//   heal            as if nothing were          as if nothing were        what was held goes on
//
// A way that is held or slow is read from no more when kRoom bytes wait in it: then its sender feels it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

namespace netmsg::test {

class FaultLink {
 public:
  enum class Way : unsigned { kThere, kBack };
  static constexpr std::size_t kRoom = 256U << 10;

  // To that TCP port of the loopback interface, whoever listens there at the time.
  explicit FaultLink(std::uint16_t target);
  ~FaultLink();
  FaultLink(const FaultLink&) = delete;
  FaultLink& operator=(const FaultLink&) = delete;

  // What the daemon that dials is told instead of the target.
  std::uint16_t port() const;

  void hold(Way way);
  void hold();  // both ways: neither daemon is told anything
  void delay(Way way, std::chrono::milliseconds time);
  void throttle(Way way, std::uint32_t bytes_per_second);
  void half_close(Way way);
  void reset();
  void cut();
  void heal();

  // Bytes handed on since the start; taken and not handed on yet; connections there are.
  std::uint64_t passed(Way way) const;
  std::uint64_t waiting(Way way) const;
  std::size_t connections() const;

 private:
  class Relay;
  std::unique_ptr<Relay> relay_;
};

}  // namespace netmsg::test
