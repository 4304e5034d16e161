// SPDX-License-Identifier: Apache-2.0
// A daemon that is none: speaks peer.proto to a real one over real gRPC. with the stock library and the generated
// messages, and says whatever a test wants said. Written from the text of peer.proto, without our sources: what it takes
// to talk to a daemon is what stands there.
//
// Left alone it is a good listener: it acknowledges what it hears and sends heartbeats. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "netmsg/v1/peer.pb.h"

namespace netmsg::test {

// A node as text, as the 16 bytes of a frame.
std::string bytes_of_hex(const std::string& hex);

class RawPeer {
 public:
  // Mutual TLS, as PEM. `server`: whose certificate is expected.
  struct Tls {
    std::string certificate;
    std::string key;
    std::string authority;
    std::string server;
  };
  struct Who {
    std::string name = "evil";
    std::string node = std::string(16, '\x09');
    std::optional<std::uint64_t> incarnation = std::nullopt;  // that of this object: larger than all before
  };

  // Dials 127.0.0.1:`port`.
  explicit RawPeer(std::uint16_t port, std::optional<Tls> tls = std::nullopt);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // A Hello like an honest daemon's, with the next generation; nonce 1.
  v1::Hello hello(const Who& who) const;
  v1::Hello hello() const { return hello(Who{}); }
  // Says it and waits for the answer: is the session open?
  bool open(const v1::Hello& hello);
  bool open() { return open(hello()); }
  // Says that it stops, and waits until the other side has hung up: no session is left to be resumed.
  void leave();
  // Breaks the stream without a word. What was heard and the numbers stay.
  void cut();
  // On a new stream, with the next generation and `applied` as what we have applied.
  bool resume(std::uint64_t nonce, std::uint64_t applied);

  // With the next number.
  void say(v1::Frame frame);
  void say(const v1::Batch& batch);
  void say_bytes(const std::string& bytes);
  // Does not read, or does not acknowledge, or gives no sign of life, from now on.
  void stop_reading();
  void stop_acknowledging();
  void stop_heartbeats();

  // Asks again until it holds for all that was heard on this stream, joined.
  using Condition = std::function<bool(const v1::Batch& heard)>;
  bool hears(const Condition& condition, std::chrono::milliseconds patience = std::chrono::seconds(20)) const;
  v1::Batch heard() const;
  // Waits for the end of the stream. The code of the Fence before it; nullopt: it is still there, or ended without one.
  std::optional<v1::Fence> fenced(std::chrono::milliseconds patience = std::chrono::seconds(20)) const;
  bool ended() const;

  std::uint64_t next_number() const;

 private:
  struct Link;
  struct State;
  void dial();

  std::shared_ptr<State> state_;
  std::unique_ptr<Link> link_;
  const std::uint64_t incarnation_;
  const std::uint16_t port_;
  const std::optional<Tls> tls_;
};

}  // namespace netmsg::test
