// SPDX-License-Identifier: Apache-2.0
// gRPC over a Unix socket, directly: one bidirectional stream of ByteBuffers on each side's completion queue, a message
// for each frame. The fastest way there is without batching of one's own.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <deque>

#include "tests/bench/not_offered.h"
#include "tests/bench/peers/peer.h"

namespace netmsg::bench {
namespace {

enum Tag : std::intptr_t { kStarted = 1, kRead, kWritten };

void* tag(Tag which) {
  return reinterpret_cast<void*>(which);  // NOLINT(performance-no-int-to-ptr)
}

std::string address(const PeerScene& scene) {
  return "unix:" + scene.folder + "/grpc";
}

grpc::ByteBuffer buffer_of(std::span<const std::byte> frame) {
  const grpc::Slice slice(frame.data(), frame.size());
  return grpc::ByteBuffer(&slice, 1);
}

// One message under way at a time in each direction, as gRPC demands; others wait.
template <typename Stream>
class StreamEnd {
 public:
  StreamEnd(Stream& stream, grpc::CompletionQueue& queue) : stream_(stream), queue_(queue) {}

  void start() { stream_.Read(&incoming_, tag(kRead)); }
  void write(std::span<const std::byte> frame) {
    outgoing_.push_back(buffer_of(frame));
    write_next();
  }
  // Waits for the next message.
  void read() {
    while (arrived_ == 0) on_event();
    --arrived_;
  }

 private:
  void on_event() {
    void* which = nullptr;
    bool well = false;
    if (!queue_.Next(&which, &well) || !well) throw NotOffered("the stream has ended");
    if (which == tag(kRead)) {
      ++arrived_;
      stream_.Read(&incoming_, tag(kRead));
    } else {
      writing_ = false;
      write_next();
    }
  }
  void write_next() {
    if (writing_ || outgoing_.empty()) return;
    writing_ = true;
    stream_.Write(outgoing_.front(), tag(kWritten));
    outgoing_.pop_front();
  }

  Stream& stream_;
  grpc::CompletionQueue& queue_;
  grpc::ByteBuffer incoming_;
  std::deque<grpc::ByteBuffer> outgoing_;
  unsigned arrived_ = 0;
  bool writing_ = false;
};

void await(grpc::CompletionQueue& queue) {
  void* which = nullptr;
  bool well = false;
  if (!queue.Next(&which, &well) || !well) throw NotOffered("the stream does not begin");
}

void serve_stream(const PeerScene& scene) {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(scene), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterAsyncGenericService(&service);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  grpc::GenericServerContext context;
  grpc::GenericServerAsyncReaderWriter stream(&context);
  service.RequestCall(&context, &stream, queue.get(), queue.get(), tag(kStarted));
  await(*queue);
  StreamEnd end(stream, *queue);
  const std::vector<std::byte> answer(kReplyBytes);
  for (end.start();;) {
    end.read();
    end.write(answer);
  }
}

class GrpcWire final : public Wire {
 public:
  explicit GrpcWire(const std::string& where)
      : channel_(grpc::CreateChannel(where, grpc::InsecureChannelCredentials())), stub_(channel_) {
    stream_ = stub_.PrepareCall(&context_, "/bench/Stream", &queue_);
    stream_->StartCall(tag(kStarted));
    await(queue_);
    end_ = std::make_unique<StreamEnd<grpc::GenericClientAsyncReaderWriter>>(*stream_, queue_);
    end_->start();
  }
  void send(std::span<const std::byte> frame) override { end_->write(frame); }
  std::span<const std::byte> receive() override {
    end_->read();
    return answer_;
  }
  std::span<const std::byte> poll() override { return {}; }
  bool gathers() const override { return false; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  std::unique_ptr<StreamEnd<grpc::GenericClientAsyncReaderWriter>> end_;
  std::byte answer_[kReplyBytes]{};
};

void start(const PeerScene& scene) {
  scene.crew.start(Seat::kServer, [&] { serve_stream(scene); });
}

std::unique_ptr<Wire> open_wire(const PeerScene& scene) {
  await_listener(scene.folder + "/grpc");
  return std::make_unique<GrpcWire>(address(scene));
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  using namespace netmsg::bench;
  return peer_main(argc, argv, {{"grpc-stream", start, open_wire}});
}
