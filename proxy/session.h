// SPDX-License-Identifier: Apache-2.0
// One session with one peer, over one stream (rules S1, S2, S4-S7; peer.proto, exchange 1): who speaks first,
// the numbers of frames, acknowledgements, heartbeats, the lease. Bytes and times in, bytes out; it knows no
// socket, no clock and no port. What frames mean is the user's business.
//
//   state      event                       next        action
//   kDialing   connected()                 kGreeting   our Hello is queued (we are the dialer)
//   kGreeting  their Hello, user agrees    kOpen       the other one: our Hello is queued; user: opened
//   kGreeting  anything but Hello          kOver       PROTOCOL
//   kOpen      frame with the next number  kOpen       user: apply, then it counts as applied
//   kOpen      frame with another number   kOver       PROTOCOL
//   kOpen      applied, possible           kOpen       user: acknowledged
//   kOpen      Hello; applied, impossible  kOver       PROTOCOL
//   any        Fence                       kOver       -
//   any        lease over                  kOver       LEASE
//   any        end()                       kOver       Fence is queued
//   kOver      anything                    kOver       ignored
//
// An event that leads to kOver by itself returns the Fault; the owner fences (Peer). A broken stream ends the
// session: nothing is kept for sending it again.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"
#include "proxy/net_id.h"
#include "proxy/options.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

class SessionUser {
 public:
  virtual ~SessionUser() = default;
  // Their Hello: who is it, may we talk?
  virtual Check check_hello(const v1::Hello& theirs) = 0;
  // Ours, for the one who was dialed; the nonce is filled in by the session.
  virtual v1::Hello make_hello() = 0;
  virtual void opened(const v1::Hello& theirs) = 0;
  virtual Check apply(const v1::Frame& frame) = 0;
  // They have applied our frames up to here.
  virtual void acknowledged(FrameNumber number) = 0;
};

class Session {
 public:
  enum class State { kDialing, kGreeting, kOpen, kOver };

  // A stream that we dial, or one that was accepted and whose Hello is expected.
  static Session dialing(const Timing& timing, base::Instant now) {
    return {timing, State::kDialing, true, now};
  }
  static Session accepted(const Timing& timing, base::Instant now) {
    return {timing, State::kGreeting, false, now};
  }

  State state() const { return state_; }
  bool ours() const { return ours_; }             // we have dialed
  base::Instant since() const { return since_; }  // when the state was entered

  // REQUIRES: kDialing. `hello` with our nonce.
  void connected(const v1::Hello& hello, base::Instant now);
  // What the stream has delivered. Stops at the first fault.
  Check receive(std::string_view bytes, SessionUser& user, base::Instant now);
  // Lease, heartbeat, acknowledgement.
  Check tick(base::Instant now);
  std::optional<base::Instant> next_deadline() const;

  // REQUIRES: kOpen. Numbers and queues the frame; returns its number.
  FrameNumber append(v1::Frame frame);
  // Queues Fence, except while dialing. Idempotent.
  void end(const Fault& why);
  // What is to be written now; also acknowledges, if there is anything to write at all.
  std::vector<std::string> take_output(base::Instant now);

  FrameNumber sent() const { return sent_; }
  FrameNumber applied() const { return applied_; }
  std::uint64_t unacknowledged() const { return in_flight_.size(); }
  std::uint64_t unacknowledged_bytes() const { return in_flight_bytes_; }

 private:
  Session(const Timing& timing, State state, bool ours, base::Instant now)
      : timing_(timing), state_(state), ours_(ours), since_(now), heard_(now), spoke_(now) {}

  void enter(State state, base::Instant now);
  Check item(const BatchReader& reader, BatchReader::Item kind, SessionUser& user, base::Instant now);
  Check greet(std::string_view bytes, SessionUser& user, base::Instant now);
  Check frame(std::string_view bytes, SessionUser& user, base::Instant now);
  Check acknowledge(FrameNumber number, SessionUser& user);
  Check over(Fault fault);

  Timing timing_;
  State state_;
  bool ours_;
  base::Instant since_;
  base::Instant heard_;  // the last sign of life
  base::Instant spoke_;  // our last one
  std::uint64_t nonce_ = 0;

  FrameNumber sent_ = 0;
  FrameNumber acknowledged_ = 0;
  std::deque<std::size_t> in_flight_;  // sizes of the frames after acknowledged_
  std::uint64_t in_flight_bytes_ = 0;

  FrameNumber applied_ = 0;
  std::optional<base::Instant> ack_due_;  // set while there is something to acknowledge

  BatchWriter out_;
};

}  // namespace netmsg::proxy
