// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/grpc_wire.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstring>
#include <deque>
#include <vector>

#include "tests/bench/grpc_place.h"

namespace netmsg::bench {

namespace {

enum Tag : std::intptr_t { kStarted = 1, kRead, kWritten };

using Bytes = std::vector<std::byte>;

// What becomes of frames on their way: the messages that go out, and the frames of one that came.
class Packing {
 public:
  virtual ~Packing() = default;
  virtual void put(std::span<const std::byte> frame) = 0;
  virtual bool empty() const = 0;
  virtual grpc::ByteBuffer next_message() = 0;
  virtual void arrived(const grpc::ByteBuffer& message) = 0;
  virtual bool has_frame() const = 0;
  virtual std::span<const std::byte> next_frame() = 0;
};

// A message for each frame. What is in it is not looked at: whoever needs it reads it where it lies.
class OneEach final : public Packing {
 public:
  void put(std::span<const std::byte> frame) override { outgoing_.push_back(buffer_of(frame)); }
  bool empty() const override { return outgoing_.empty(); }
  grpc::ByteBuffer next_message() override {
    grpc::ByteBuffer message = std::move(outgoing_.front());
    outgoing_.pop_front();
    return message;
  }
  void arrived(const grpc::ByteBuffer&) override { ++frames_; }
  bool has_frame() const override { return frames_ > 0; }
  std::span<const std::byte> next_frame() override {
    --frames_;
    return dummy_;
  }

 private:
  std::deque<grpc::ByteBuffer> outgoing_;
  std::uint64_t frames_ = 0;
  std::byte dummy_[kReplyBytes]{};
};

// Frames with four bytes of length before each, as many as there are.
class Gathered final : public Packing {
 public:
  void put(std::span<const std::byte> frame) override {
    const auto length = static_cast<std::uint32_t>(frame.size());
    const auto* const bytes = reinterpret_cast<const std::byte*>(&length);
    out_.insert(out_.end(), bytes, bytes + sizeof length);
    out_.insert(out_.end(), frame.begin(), frame.end());
  }
  bool empty() const override { return out_.empty(); }
  grpc::ByteBuffer next_message() override {
    grpc::ByteBuffer message = buffer_of(out_);
    out_.clear();
    return message;
  }
  void arrived(const grpc::ByteBuffer& message) override {
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(std::exchange(begin_, 0)));
    std::vector<grpc::Slice> slices;
    message.Dump(&slices);
    for (const grpc::Slice& slice : slices) {
      const auto* const bytes = reinterpret_cast<const std::byte*>(slice.begin());
      in_.insert(in_.end(), bytes, bytes + slice.size());
    }
  }
  bool has_frame() const override { return begin_ < in_.size(); }
  std::span<const std::byte> next_frame() override {
    std::uint32_t length = 0;
    std::memcpy(&length, in_.data() + begin_, sizeof length);
    const std::span<const std::byte> frame(in_.data() + begin_ + sizeof length, length);
    begin_ += sizeof length + length;
    return frame;
  }

 private:
  Bytes out_;
  Bytes in_;
  std::size_t begin_ = 0;
};

std::unique_ptr<Packing> packing_of(Gather gather) {
  if (gather == Gather::kAll) return std::make_unique<Gathered>();
  return std::make_unique<OneEach>();
}

// One message under way at a time in each direction, as gRPC demands.
template <typename Stream>
class End {
 public:
  End(Stream& stream, grpc::CompletionQueue& queue, Gather gather)
      : stream_(stream), queue_(queue), packing_(packing_of(gather)), gather_(gather) {
    stream_.Read(&incoming_, tag(kRead));
  }

  bool gathers() const { return gather_ == Gather::kAll; }
  void send(std::span<const std::byte> frame) {
    packing_->put(frame);
    if (!gathers()) flush();
  }
  void flush() {
    if (writing_ || packing_->empty()) return;
    writing_ = true;
    stream_.Write(packing_->next_message(), tag(kWritten));
  }
  std::span<const std::byte> receive() {
    while (!packing_->has_frame()) on_event();
    return packing_->next_frame();
  }
  std::span<const std::byte> poll() {
    if (!packing_->has_frame()) return {};
    return packing_->next_frame();
  }

 private:
  void on_event() {
    if (next_event(queue_) == tag(kRead)) {
      packing_->arrived(incoming_);
      stream_.Read(&incoming_, tag(kRead));
    } else {
      writing_ = false;
      flush();
    }
  }

  Stream& stream_;
  grpc::CompletionQueue& queue_;
  std::unique_ptr<Packing> packing_;
  Gather gather_;
  grpc::ByteBuffer incoming_;
  bool writing_ = false;
};

// A wire that is an end of what `Connection` holds.
template <typename Connection, typename Stream>
class GrpcWire final : public Wire {
 public:
  GrpcWire(const GrpcPlace& place, Gather gather)
      : connection_(place), end_(connection_.stream(), connection_.queue(), gather) {}
  void send(std::span<const std::byte> frame) override { end_.send(frame); }
  void flush() override { end_.flush(); }
  std::span<const std::byte> receive() override { return end_.receive(); }
  std::span<const std::byte> poll() override { return end_.poll(); }
  bool gathers() const override { return end_.gathers(); }

 private:
  Connection connection_;
  End<Stream> end_;
};

class Dialled {
 public:
  explicit Dialled(const GrpcPlace& place) : stub_(channel_to(place)) {
    stream_ = stub_.PrepareCall(&context_, "/bench/Stream", &queue_);
    stream_->StartCall(tag(kStarted));
    next_event(queue_);
  }
  grpc::GenericClientAsyncReaderWriter& stream() { return *stream_; }
  grpc::CompletionQueue& queue() { return queue_; }

 private:
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

class Accepted {
 public:
  explicit Accepted(const GrpcPlace& place) {
    grpc::ServerBuilder builder;
    listen_at(builder, place);
    builder.RegisterAsyncGenericService(&service_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw NotOffered("gRPC cannot listen at " + place.address);
    service_.RequestCall(&context_, &stream_, queue_.get(), queue_.get(), tag(kStarted));
    next_event(*queue_);
  }
  grpc::GenericServerAsyncReaderWriter& stream() { return stream_; }
  grpc::CompletionQueue& queue() { return *queue_; }

 private:
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
};

}  // namespace

std::unique_ptr<Wire> grpc_server(const GrpcPlace& place, Gather gather) {
  return std::make_unique<GrpcWire<Accepted, grpc::GenericServerAsyncReaderWriter>>(place, gather);
}

std::unique_ptr<Wire> grpc_client(const GrpcPlace& place, Gather gather) {
  return std::make_unique<GrpcWire<Dialled, grpc::GenericClientAsyncReaderWriter>>(place, gather);
}

}  // namespace netmsg::bench
