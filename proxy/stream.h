// SPDX-License-Identifier: Apache-2.0
// One stream to a peer (rules S1, S6; peer.proto, exchanges 1 and 8): who speaks first, the Hello of each side,
// what arrives taken apart, what is to be sent put together. Bytes and times in, bytes out; it knows no socket
// and no clock, nor what a frame means. A session (session.h) outlives its streams.
//
//   state      event                  next       action
//   kDialing   connected()            kGreeting  our Hello is queued (we are the dialer)
//   kGreeting  their Hello            kGreeted   the user judges it; the other one: our Hello is queued
//   kGreeting  anything but Hello     kOver      PROTOCOL
//   kGreeted   frame, applied         kGreeted   the user's
//   kGreeted   Hello                  kOver      PROTOCOL
//   any        Fence                  kOver      what the peer says is the fault
//   any        end()                  kOver      Fence is queued, except while dialing
//   kOver      anything               kOver      ignored
//
// An event that leads to kOver by itself returns the Fault; what that means for the session is the owner's
// business (Peer).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"
#include "proxy/net_id.h"
#include "proxy/transport.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

class StreamUser {
 public:
  virtual ~StreamUser() = default;
  // Their Hello: who is it, may we talk? If they have dialed, `answer` is ours, to be filled in.
  virtual Check greeted(const v1::Hello& theirs, v1::Hello* answer) = 0;
  // An encoded frame; PROTOCOL also if it is none.
  virtual Check frame(const Rope& bytes) = 0;
  // They have applied our frames up to here.
  virtual Check applied(FrameNumber number) = 0;
};

class Stream {
 public:
  enum class State { kDialing, kGreeting, kGreeted, kOver };

  // A stream that we dial, or one that was accepted and whose Hello is expected.
  static Stream dialing(StreamId id, base::Instant now) { return {id, State::kDialing, now}; }
  static Stream accepted(StreamId id, const PeerIdentity& identity, base::Instant now) {
    Stream made(id, State::kGreeting, now);
    made.ours_ = false;
    made.identity_ = identity;
    return made;
  }

  StreamId id() const { return id_; }
  State state() const { return state_; }
  bool ours() const { return ours_; }             // we have dialed
  bool greeted() const { return greeted_; }       // the Hellos were exchanged, be it over or not
  base::Instant since() const { return since_; }  // when the state was entered
  base::Instant heard() const { return heard_; }  // the last sign of life
  const PeerIdentity& identity() const { return identity_; }

  // REQUIRES: kDialing.
  void connected(const PeerIdentity& identity, const v1::Hello& hello, base::Instant now);
  // What the stream has delivered. Stops at the first fault, and when the user has ended it.
  Check receive(const Rope& bytes, StreamUser& user, base::Instant now);
  // Queues Fence, except while dialing. Idempotent.
  void end(const Fault& why);

  // What is to be written: frames and acknowledgements are the session's.
  BatchWriter& out() { return out_; }

 private:
  Stream(StreamId id, State state, base::Instant now) : id_(id), state_(state), since_(now), heard_(now) {}

  void enter(State state, base::Instant now);
  Check item(const BatchReader& reader, BatchReader::Item kind, StreamUser& user, base::Instant now);
  Check greet(const Rope& bytes, StreamUser& user, base::Instant now);
  Check frame(const Rope& bytes, StreamUser& user);
  Check applied(FrameNumber number, StreamUser& user);

  StreamId id_;
  State state_;
  bool ours_ = true;
  bool greeted_ = false;
  base::Instant since_;
  base::Instant heard_;
  PeerIdentity identity_;
  std::uint64_t nonce_ = 0;  // of our Hello, if we have dialed
  BatchWriter out_;
};

}  // namespace netmsg::proxy
