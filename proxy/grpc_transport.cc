// SPDX-License-Identifier: Apache-2.0
#include "proxy/grpc_transport.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace netmsg::proxy {

namespace {

constexpr const char* kMethod = "/netmsg.v1.Peer/Session";
constexpr std::string_view kNodeUri = "netmsg:node:";

// How long the last words of a stream may take, and how long stop() waits before it breaks off.
constexpr std::chrono::seconds kFarewell{1};
// Joined writes stay below this, unless one alone is larger.
constexpr std::size_t kJoinMax = 1U << 20;
// Messages that the owner thread has not taken yet; more are not read, so that a fast peer fills its own
// side.
constexpr int kUntakenMax = 4;

PeerIdentity identity_of(const grpc::AuthContext& context, bool insecure) {
  PeerIdentity identity;
  if (insecure) return identity;
  identity.verified = true;  // also without a name: then it is nobody's, and nobody is let in
  if (!context.IsPeerAuthenticated()) return identity;
  for (const grpc::string_ref& name : context.FindPropertyValues(GRPC_PEER_DNS_PROPERTY_NAME)) {
    identity.names.emplace_back(name.data(), name.size());
  }
  for (const grpc::string_ref& value : context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    const std::string_view uri(value.data(), value.size());
    if (uri.substr(0, kNodeUri.size()) == kNodeUri)
      identity.node = NodeId::from_hex(uri.substr(kNodeUri.size()));
  }
  return identity;
}

// A slice that owns the string: nothing is copied.
grpc::Slice slice_of(std::string bytes) {
  auto* owned = new std::string(std::move(bytes));
  return {owned->data(), owned->size(), [](void* string) { delete static_cast<std::string*>(string); },
          owned};
}

std::string text_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// Where events go: to the owner thread, for streams that it has not closed. Shared with handlers that are
// still queued when the transport is gone; all of it is the owner thread's.
class Outlet : public std::enable_shared_from_this<Outlet> {
 public:
  explicit Outlet(asio::io_context& owner) : owner_(owner) {}

  void open(TransportEvents& events) { events_ = &events; }
  void shut() {
    events_ = nullptr;
    live_.clear();
  }
  void add(StreamId stream) { live_.insert(stream); }
  void remove(StreamId stream) { live_.erase(stream); }

  // From any thread. `tell` runs on the owner thread, if the stream is still one.
  template <typename Tell>
  void post(StreamId stream, Tell tell) {
    asio::post(owner_, [self = shared_from_this(), stream, tell = std::move(tell)] {
      if (self->events_ != nullptr && self->live_.count(stream) != 0) tell(*self->events_);
    });
  }
  void post_accepted(StreamId stream, PeerIdentity identity) {
    asio::post(owner_, [self = shared_from_this(), stream, identity = std::move(identity)] {
      if (self->events_ == nullptr) return;
      self->live_.insert(stream);
      self->events_->accepted(stream, identity);
    });
  }

 private:
  asio::io_context& owner_;
  TransportEvents* events_ = nullptr;
  std::set<StreamId> live_;
};

class Call;

// What is handed to gRPC as a tag: one for each kind of operation of each call.
enum class Operation { kStart, kMetadata, kRead, kWrite, kHalfClose, kFinish, kTimeout };

struct Tag {
  Call* call;
  Operation operation;
};

// Who keeps the calls.
class Calls {
 public:
  // The call has ended and nothing of it is pending. Destroys it.
  virtual void ended(Call& call) = 0;
  // A call of somebody's has come in: wait for the next one.
  virtual void taken(Call& call) = 0;

 protected:
  ~Calls() = default;
};

// One stream. Both threads use it, under its mutex; at most one read and one write are pending at a time. It
// lives until Finish has come back and no tag is with gRPC any more.
//
//   state       what happens                           next
//   kStarting   the other side has answered / called   kUp
//   kUp         close(): write what waits, say so      kLeaving
//   kUp         the other side has ended               kFinishing
//   kLeaving    all is said, or kFarewell is over      kFinishing
//   kFinishing  Finish has come back                   kEnded
class Call {
 public:
  enum class State { kStarting, kUp, kLeaving, kFinishing, kEnded };

  Call(Calls& calls, std::shared_ptr<Outlet> outlet, grpc::CompletionQueue& queue, StreamId stream)
      : calls_(calls), outlet_(std::move(outlet)), queue_(queue), stream_(stream) {}
  virtual ~Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  StreamId stream() const { return stream_; }

  // --- owner thread ---
  void send(std::string bytes) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kStarting && state_ != State::kUp) return;
    waiting_.push_back(std::move(bytes));
    write_next();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kStarting) return cancel_call();
    if (state_ != State::kUp) return;
    state_ = State::kLeaving;
    begin(Operation::kTimeout);
    timeout_.Set(&queue_, std::chrono::system_clock::now() + kFarewell, tag(Operation::kTimeout));
    write_next();
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    cancel_call();
  }

  // The owner has taken a message.
  void taken() {
    const std::lock_guard lock(mutex_);
    --untaken_;
    read_next();
  }

  // Nothing new is started from now on: the queue is about to be shut.
  void abandon() {
    const std::lock_guard lock(mutex_);
    state_ = State::kEnded;
  }

  // --- queue thread ---
  void done(Operation operation, bool ok) {
    {
      const std::lock_guard lock(mutex_);
      --pending_;
      handle(operation, ok);
      if (pending_ != 0 || state_ != State::kEnded) return;
    }
    calls_.ended(*this);
  }

 protected:
  virtual void handle_start(bool ok) = 0;
  virtual void start_read(grpc::ByteBuffer& into, void* tag) = 0;
  virtual void start_write(const grpc::ByteBuffer& bytes, void* tag) = 0;
  // We have said all: how the other side learns it.
  virtual void say_farewell() = 0;
  virtual void start_finish(void* tag) = 0;
  virtual void cancel_call() = 0;
  virtual std::string end_reason() const = 0;

  void* tag(Operation operation) {
    Tag& made = tags_[static_cast<std::size_t>(operation)];
    made = {this, operation};
    return &made;
  }
  // Before each operation that is handed to gRPC.
  void begin(Operation) { ++pending_; }

  void come_up() {
    state_ = State::kUp;
    read_next();
    write_next();
  }

  void finish() {
    if (state_ == State::kFinishing || state_ == State::kEnded) return;
    state_ = State::kFinishing;
    waiting_.clear();
    finish_when_quiet();
  }

  Calls& calls_;
  std::shared_ptr<Outlet> outlet_;
  grpc::CompletionQueue& queue_;
  State state_ = State::kStarting;
  std::mutex mutex_;

 private:
  void handle(Operation operation, bool ok) {
    switch (operation) {
      case Operation::kStart:
      case Operation::kMetadata:
        return handle_start(ok);
      case Operation::kRead:
        return handle_read(ok);
      case Operation::kWrite:
        return handle_write(ok);
      case Operation::kHalfClose:
        return;  // what follows is the end of reading
      case Operation::kFinish:
        return handle_finish();
      case Operation::kTimeout:
        if (ok && state_ != State::kEnded) cancel_call();
    }
  }

  void handle_read(bool ok) {
    reading_ = false;
    if (!ok) return finish();
    ++untaken_;
    outlet_->post(stream_, [this, bytes = text_of(read_)](TransportEvents& events) {
      events.received(stream_, bytes);
    });
    read_next();
  }

  void handle_write(bool ok) {
    writing_ = false;
    if (!ok) cancel_call();  // the end of reading follows
    if (state_ == State::kFinishing) return finish_when_quiet();
    write_next();
  }

  void handle_finish() {
    state_ = State::kEnded;
    timeout_.Cancel();
    outlet_->post(stream_, [stream = stream_, reason = end_reason()](TransportEvents& events) {
      events.closed(stream, reason);
    });
  }

  void read_next() {
    if (reading_ || untaken_ >= kUntakenMax || (state_ != State::kUp && state_ != State::kLeaving)) return;
    reading_ = true;
    begin(Operation::kRead);
    start_read(read_, tag(Operation::kRead));
  }

  void write_next() {
    if (writing_ || (state_ != State::kUp && state_ != State::kLeaving)) return;
    if (waiting_.empty()) {
      if (state_ == State::kLeaving) say_farewell();
      return;
    }
    std::vector<grpc::Slice> slices;
    std::size_t size = 0;
    do {
      size += waiting_.front().size();
      slices.push_back(slice_of(std::move(waiting_.front())));
      waiting_.pop_front();
    } while (!waiting_.empty() && size + waiting_.front().size() <= kJoinMax);
    writing_ = true;
    begin(Operation::kWrite);
    start_write(grpc::ByteBuffer(slices.data(), slices.size()), tag(Operation::kWrite));
  }

  // gRPC wants no write pending when Finish begins.
  void finish_when_quiet() {
    if (writing_ || finishing_) return;
    finishing_ = true;
    begin(Operation::kFinish);
    start_finish(tag(Operation::kFinish));
  }

  const StreamId stream_;
  Tag tags_[7] = {};
  grpc::Alarm timeout_;
  std::deque<std::string> waiting_;
  grpc::ByteBuffer read_;
  int pending_ = 0;
  int untaken_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool finishing_ = false;
};

}  // namespace
}  // namespace netmsg::proxy
