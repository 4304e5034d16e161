// SPDX-License-Identifier: Apache-2.0
// The seam to the wire: streams of byte messages to other daemons. The gRPC transport implements it for the
// daemon, an in-memory one for the tests. Everything here happens on the owner thread: the transport brings
// its events there.
//
//   stream        event                 next
//   -             dial()                connecting
//   connecting    connected()           up (ours)
//   -             accepted()            up (theirs)
//   up            received()            up
//   any           closed() / close()    gone: no event names it any more
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/net_id.h"
#include "proxy/rope.h"

namespace netmsg::proxy {

// A stream, chosen by the transport, never reused while the transport lives; 0 is none.
using StreamId = std::uint64_t;

// Who is at the other end, as far as the transport has verified it (mutual TLS). Both empty without TLS: then
// Hello's word is all there is.
struct PeerIdentity {
  std::optional<NodeId> node;      // the certificate's URI `netmsg:node:<32 hex>`
  std::vector<std::string> names;  // the certificate's DNS names
  bool verified = false;           // false: plaintext, asked for by name
};

class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  virtual void connected(StreamId stream, const PeerIdentity& identity) = 0;
  virtual void accepted(StreamId stream, const PeerIdentity& identity) = 0;
  // One whole message: a Batch, or several that the other end's transport has joined.
  virtual void received(StreamId stream, const Rope& bytes) = 0;
  // Nothing waits to be written any more. Once after tell_when_drained(), never inside of it; only for who asks.
  virtual void drained(StreamId) {}
  // The stream has ended, or could not be made; at most once, and last. Not after close().
  virtual void closed(StreamId stream, const std::string& reason) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Begins to listen (if it was told where). `events` is called until stop(). Returns why it cannot, empty if
  // it can.
  virtual std::string start(TransportEvents& events) = 0;
  // Ends all streams and forgets them, without events, in bounded time.
  virtual void stop() = 0;

  // Opens a stream to the daemon at `address` ("host:port"), whose certificate must be for `name`. Never
  // blocks; connected() or closed() follow.
  virtual StreamId dial(const std::string& name, const std::string& address) = 0;
  // Queues bytes. Those that wait may be joined to one message, in order: encoded Batches that are put one
  // after the other are an encoded Batch. Does nothing if the stream is gone.
  virtual void send(StreamId stream, std::string bytes) = 0;
  // drained() is to come, soon if nothing waits now. Who sends bulk one chunk at a time waits for it in between, so that
  // what else there is to say finds no queue. Does nothing if the stream is gone.
  virtual void tell_when_drained(StreamId stream) = 0;
  // Ends the stream, after what is queued if that goes quickly. Does nothing if it is gone.
  virtual void close(StreamId stream) = 0;
};

}  // namespace netmsg::proxy
