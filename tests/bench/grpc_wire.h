// SPDX-License-Identifier: Apache-2.0
// gRPC by itself, as the links of daemons use it: one bidirectional stream of ByteBuffers, each end on its own completion
// queue. Frames go out as messages of their own, or gathered: all that were sent while a write was under way become one
// message. A process has one end, and no other use of gRPC.
#pragma once

#include <string>

#include "tests/bench/wire.h"
#include "tests/support/certificates.h"

namespace netmsg::bench {

struct GrpcPlace {
  std::string address;                               // where the server listens, as gRPC writes it
  const test::Certificates* certificates = nullptr;  // of a, the client, and b, the server; null: plain text
};

enum class Gather { kNone, kAll };

// Waits for the client.
std::unique_ptr<Wire> grpc_server(const GrpcPlace& place, Gather gather);
// REQUIRES: somebody listens there.
std::unique_ptr<Wire> grpc_client(const GrpcPlace& place, Gather gather);

}  // namespace netmsg::bench
