// SPDX-License-Identifier: Apache-2.0
// ZeroMQ over Unix sockets: DEALER to ROUTER, directly and through its own proxy as broker.
#include <unistd.h>
#include <zmq.h>

#include <cstring>

#include "tests/bench/not_offered.h"
#include "tests/bench/peers/peer.h"

namespace netmsg::bench {
namespace {

constexpr std::size_t kFrameMax = std::size_t{2} << 20;

std::string address(const PeerScene& scene, const char* name) {
  return "ipc://" + scene.folder + "/" + name;
}

void* socket_of(int type, const std::string& where, bool binds) {
  void* const socket = ::zmq_socket(::zmq_ctx_new(), type);
  const int done = binds ? ::zmq_bind(socket, where.c_str()) : ::zmq_connect(socket, where.c_str());
  if (done != 0) throw NotOffered(::zmq_strerror(::zmq_errno()));
  return socket;
}

// Who asked stands in parts of the message before the last one, and goes back as it came.
[[noreturn]] void serve_at(void* socket) {
  std::vector<char> part(kFrameMax);
  const char answer[kReplyBytes] = {};
  for (;;) {
    const int bytes = ::zmq_recv(socket, part.data(), part.size(), 0);
    int more = 0;
    std::size_t length = sizeof more;
    ::zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length);
    if (more != 0)
      ::zmq_send(socket, part.data(), static_cast<std::size_t>(bytes), ZMQ_SNDMORE);
    else
      ::zmq_send(socket, answer, sizeof answer, 0);
  }
}

class ZeroMqWire final : public Wire {
 public:
  explicit ZeroMqWire(const std::string& where) : socket_(socket_of(ZMQ_DEALER, where, false)) {}
  void send(std::span<const std::byte> frame) override { ::zmq_send(socket_, frame.data(), frame.size(), 0); }
  std::span<const std::byte> receive() override { return take(0); }
  std::span<const std::byte> poll() override { return take(ZMQ_DONTWAIT); }

 private:
  std::span<const std::byte> take(int flags) {
    const int bytes = ::zmq_recv(socket_, frame_, sizeof frame_, flags);
    return {frame_, bytes > 0 ? static_cast<std::size_t>(bytes) : 0};
  }
  void* socket_;
  std::byte frame_[kReplyBytes];
};

void start_direct(const PeerScene& scene) {
  scene.crew.start(Seat::kServer, [&] { serve_at(socket_of(ZMQ_ROUTER, address(scene, "front"), true)); });
}

void start_broker(const PeerScene& scene) {
  scene.crew.start(Seat::kBetween, [&] {
    void* const front = socket_of(ZMQ_ROUTER, address(scene, "front"), true);
    ::zmq_proxy(front, socket_of(ZMQ_DEALER, address(scene, "back"), true), nullptr);
  });
  scene.crew.start(Seat::kServer, [&] {
    await_listener(scene.folder + "/back");
    serve_at(socket_of(ZMQ_ROUTER, address(scene, "back"), false));
  });
}

std::unique_ptr<Wire> open_wire(const PeerScene& scene) {
  await_listener(scene.folder + "/front");
  return std::make_unique<ZeroMqWire>(address(scene, "front"));
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  using namespace netmsg::bench;
  return peer_main(argc, argv,
                   {{"zeromq-direct", start_direct, open_wire}, {"zeromq-broker", start_broker, open_wire}});
}
