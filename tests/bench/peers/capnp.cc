// SPDX-License-Identifier: Apache-2.0
// Cap'n Proto RPC over Unix sockets: directly, and through a vat between client and server that passes the server's
// capability on.
#include <capnp/ez-rpc.h>
#include <echo.capnp.h>

#include <deque>

#include "tests/bench/peers/peer.h"

namespace netmsg::bench {
namespace {

class EchoServer final : public Echo::Server {
 public:
  kj::Promise<void> echo(EchoContext context) override {
    context.getResults(::capnp::MessageSize{32, 0}).initData(kReplyBytes);
    return kj::READY_NOW;
  }
};

std::string address(const PeerScene& scene, const char* name) {
  return "unix:" + scene.folder + "/" + name;
}

void serve_at(const std::string& where) {
  ::capnp::EzRpcServer server(kj::heap<EchoServer>(), where.c_str());
  kj::NEVER_DONE.wait(server.getWaitScope());
}

void pass_on(const PeerScene& scene) {
  await_listener(scene.folder + "/back");
  ::capnp::EzRpcClient back(address(scene, "back").c_str());
  ::capnp::EzRpcServer front(back.getMain(), address(scene, "front").c_str());
  kj::NEVER_DONE.wait(front.getWaitScope());
}

class CapnpWire final : public Wire {
 public:
  explicit CapnpWire(const std::string& where) : client_(where.c_str()), echo_(client_.getMain<Echo>()) {}
  ~CapnpWire() noexcept override = default;  // what fails at the end ends the client

  void send(std::span<const std::byte> frame) override {
    auto request = echo_.echoRequest();
    request.setData({reinterpret_cast<const kj::byte*>(frame.data()), frame.size()});
    calls_.push_back(request.send().then([](auto&&) {}));
  }
  // Answers of one server come in the order of the calls.
  std::span<const std::byte> receive() override {
    calls_.front().wait(client_.getWaitScope());
    calls_.pop_front();
    return answer_;
  }
  std::span<const std::byte> poll() override {
    if (calls_.empty() || !calls_.front().poll(client_.getWaitScope())) return {};
    return receive();
  }

 private:
  ::capnp::EzRpcClient client_;
  Echo::Client echo_;
  std::deque<kj::Promise<void>> calls_;
  std::byte answer_[kReplyBytes]{};
};

void start_direct(const PeerScene& scene) {
  scene.crew.start(Seat::kServer, [&] { serve_at(address(scene, "front")); });
}

void start_middle(const PeerScene& scene) {
  scene.crew.start(Seat::kServer, [&] { serve_at(address(scene, "back")); });
  scene.crew.start(Seat::kBetween, [&] { pass_on(scene); });
}

std::unique_ptr<Wire> open_wire(const PeerScene& scene) {
  await_listener(scene.folder + "/front");
  return std::make_unique<CapnpWire>(address(scene, "front"));
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  using namespace netmsg::bench;
  return peer_main(argc, argv,
                   {{"capnp-direct", start_direct, open_wire}, {"capnp-middle", start_middle, open_wire}});
}
