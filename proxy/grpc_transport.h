// SPDX-License-Identifier: Apache-2.0
// The transport over gRPC: one bidirectional stream /netmsg.v1.Peer/Session per stream, raw bytes in both
// directions, mutual TLS. The only file pair of the proxy that speaks gRPC; when its events are taken is
// the poller's business (grpc_poller.h). Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/transport.h"

namespace asio {
class io_context;
}

namespace netmsg::proxy {

class GrpcPoller;

struct GrpcOptions {
  std::string listen;           // "addr:port"; port 0: any; empty: we only dial
  std::string certificate_pem;  // our chain
  std::string key_pem;
  std::string ca_pem;     // who may vouch for peers
  bool insecure = false;  // plaintext, and no certificates are looked at
  // Largest message taken from the wire; a larger one ends
  // its stream. Frames are bounded by peer.proto "Limits".
  std::size_t message_bytes_max = 8U << 20;
};

class GrpcTransport final : public Transport {
 public:
  // `owner` is run by the owner thread; it and `poller` outlive this object.
  GrpcTransport(asio::io_context& owner, GrpcPoller& poller, GrpcOptions options);
  ~GrpcTransport() override;  // stop()

  // Errors: the address cannot be listened on, the key does not fit.
  std::string start(TransportEvents& events) override;
  void stop() override;
  StreamId dial(const std::string& name, const std::string& address) override;
  void send(StreamId stream, std::string bytes) override;
  void tell_when_drained(StreamId stream) override;
  void close(StreamId stream) override;

  // The port we listen on, 0 if we do not.
  int port() const;

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

}  // namespace netmsg::proxy
