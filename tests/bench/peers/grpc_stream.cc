// SPDX-License-Identifier: Apache-2.0
// gRPC over a Unix socket, directly: one bidirectional stream of ByteBuffers on each side's completion queue, a message
// for each frame. The fastest way there is without batching of one's own.
#include "tests/bench/grpc_wire.h"
#include "tests/bench/peers/peer.h"

namespace netmsg::bench {
namespace {

GrpcPlace place_of(const PeerScene& scene) {
  return {.address = "unix:" + scene.folder + "/grpc"};
}

void start(const PeerScene& scene) {
  scene.crew.start(Seat::kServer, [&] { serve(*grpc_server(place_of(scene), Gather::kNone)); });
}

std::unique_ptr<Wire> open_wire(const PeerScene& scene) {
  await_listener(scene.folder + "/grpc");
  return grpc_client(place_of(scene), Gather::kNone);
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  using namespace netmsg::bench;
  return peer_main(argc, argv, {{"grpc-stream", start, open_wire}});
}
