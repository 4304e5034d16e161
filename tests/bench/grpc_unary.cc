// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/grpc_unary.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>

#include "tests/bench/grpc_place.h"

namespace netmsg::bench {

namespace {

constexpr std::intptr_t kAny = 1;

class UnaryWire final : public Wire {
 public:
  explicit UnaryWire(const GrpcPlace& place) : stub_(channel_to(place)) {}

  void send(std::span<const std::byte> frame) override {
    call_ = std::make_unique<Call>();
    call_->reader = stub_.PrepareUnaryCall(&call_->context, "/bench/Call", buffer_of(frame), &queue_);
    call_->reader->StartCall();
    call_->reader->Finish(&call_->answer, &call_->status, tag(kAny));
  }
  std::span<const std::byte> receive() override {
    next_event(queue_);
    if (!call_->status.ok()) throw NotOffered("a call failed: " + call_->status.error_message());
    return answer_;
  }
  std::span<const std::byte> poll() override { return {}; }
  bool gathers() const override { return false; }

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer answer;
    grpc::Status status;
  };

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Call> call_;
  std::byte answer_[kReplyBytes]{};
};

// A call that has come, or is awaited; the next one is awaited as soon as it has.
struct Incoming {
  grpc::GenericServerContext context;
  grpc::GenericServerAsyncReaderWriter stream{&context};
  grpc::ByteBuffer request;
};

}  // namespace

void serve_unary(const GrpcPlace& place) {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  listen_at(builder, place);
  builder.RegisterAsyncGenericService(&service);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) throw NotOffered("gRPC cannot listen at " + place.address);
  const auto awaited = [&] {
    auto call = std::make_unique<Incoming>();
    service.RequestCall(&call->context, &call->stream, queue.get(), queue.get(), tag(kAny));
    return call;
  };
  const std::byte answer[kReplyBytes]{};
  // One client with one call at a time: the events of two calls never mix but for the next one's arrival.
  for (std::unique_ptr<Incoming> next = awaited();;) {
    next_event(*queue);
    const std::unique_ptr<Incoming> call = std::move(next);
    call->stream.Read(&call->request, tag(kAny));
    next_event(*queue);
    call->stream.WriteAndFinish(buffer_of(answer), {}, grpc::Status::OK, tag(kAny));
    next_event(*queue);
    next = awaited();
  }
}

std::unique_ptr<Wire> unary_client(const GrpcPlace& place) {
  return std::make_unique<UnaryWire>(place);
}

}  // namespace netmsg::bench
