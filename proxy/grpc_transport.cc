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
// Bytes that wait for a stream to take them; more: the stream is given up.
constexpr std::size_t kWaitingMax = 512U << 20;
// Messages that the owner thread has not taken yet; more
// are not read, so that a fast peer fills its own side.
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
constexpr std::size_t kOperations = 7;

struct Tag {
  Call* call;
  Operation operation;
};

// Who keeps the calls.
class Calls {
 public:
  virtual ~Calls() = default;
  // The call has ended and nothing of it is pending. Destroys it.
  virtual void ended(Call& call) = 0;
  // The call that was waited for has come in: wait for the next one.
  virtual void came_in(Call& call) = 0;
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
class Call : public std::enable_shared_from_this<Call> {
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
    waiting_bytes_ += bytes.size();
    if (waiting_bytes_ > kWaitingMax) return cancel_call();  // it acknowledges and does not read
    waiting_.push_back(std::move(bytes));
    write_next();
  }

  void tell_when_drained() {
    const std::lock_guard lock(mutex_);
    wants_drained_ = true;
    report_drained();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    // Finishing can wait for a write that the other side does not let through.
    if (state_ == State::kStarting || state_ == State::kFinishing) return cancel_call();
    if (state_ != State::kUp) return;
    state_ = State::kLeaving;
    ++pending_;
    timeout_.Set(&queue_, std::chrono::system_clock::now() + kFarewell, tag(Operation::kTimeout));
    read_next();
    write_next();
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kEnded) cancel_call();
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
  // We have said all: how the other side learns it. Called once or more.
  virtual void say_farewell() = 0;
  virtual void start_finish(void* tag) = 0;
  virtual void cancel_call() = 0;
  virtual std::string end_reason() const = 0;

  void* tag(Operation operation) {
    Tag& made = tags_[static_cast<std::size_t>(operation)];
    made = {this, operation};
    return &made;
  }
  // Before each operation that is handed to gRPC: its tag.
  void* begin(Operation operation) {
    ++pending_;
    return tag(operation);
  }

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
    if (state_ == State::kUp) hand_over(text_of(read_));
    read_next();
  }

  void hand_over(std::string bytes) {
    ++untaken_;
    outlet_->post(stream_, [call = weak_from_this(), stream = stream_,
                            bytes = std::move(bytes)](TransportEvents& events) {
      events.received(stream, bytes);
      if (const std::shared_ptr<Call> here = call.lock()) here->taken();
    });
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
    const bool wanted = (state_ == State::kUp && untaken_ < kUntakenMax) || state_ == State::kLeaving;
    if (reading_ || !wanted) return;
    reading_ = true;
    start_read(read_, begin(Operation::kRead));
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
    waiting_bytes_ -= size;
    writing_ = true;
    start_write(grpc::ByteBuffer(slices.data(), slices.size()), begin(Operation::kWrite));
    report_drained();
  }

  // While one write is with gRPC the next one may wait: so the wire is never idle.
  void report_drained() {
    if (!wants_drained_ || state_ != State::kUp || !waiting_.empty()) return;
    wants_drained_ = false;
    outlet_->post(stream_, [stream = stream_](TransportEvents& events) { events.drained(stream); });
  }

  // gRPC wants no write pending when Finish begins.
  void finish_when_quiet() {
    if (writing_ || finishing_) return;
    finishing_ = true;
    start_finish(begin(Operation::kFinish));
  }

  const StreamId stream_;
  Tag tags_[kOperations] = {};
  grpc::Alarm timeout_;
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  grpc::ByteBuffer read_;
  int pending_ = 0;
  int untaken_ = 0;
  bool wants_drained_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool finishing_ = false;
};

// A stream that we dial.
class ClientCall final : public Call {
 public:
  ClientCall(Calls& calls, std::shared_ptr<Outlet> outlet, grpc::CompletionQueue& queue, StreamId stream,
             const std::shared_ptr<grpc::Channel>& channel, bool insecure)
      : Call(calls, std::move(outlet), queue, stream), stub_(channel), insecure_(insecure) {}

  void start() {
    const std::lock_guard lock(mutex_);
    call_ = stub_.PrepareCall(&context_, kMethod, &queue_);
    call_->StartCall(begin(Operation::kStart));
  }

 private:
  // First the call is on its way, then the other daemon has answered it.
  void handle_start(bool ok) override {
    if (!ok) return finish();
    if (!std::exchange(on_its_way_, true)) return call_->ReadInitialMetadata(begin(Operation::kMetadata));
    if (state_ != State::kStarting) return;
    PeerIdentity identity = identity_of(*context_.auth_context(), insecure_);
    outlet_->post(stream(), [stream = stream(), identity = std::move(identity)](TransportEvents& events) {
      events.connected(stream, identity);
    });
    come_up();
  }

  void start_read(grpc::ByteBuffer& into, void* tag) override { call_->Read(&into, tag); }
  void start_write(const grpc::ByteBuffer& bytes, void* tag) override { call_->Write(bytes, tag); }
  // The other side reads to the end, then finishes; the end of our reading follows.
  void say_farewell() override {
    if (!std::exchange(half_closed_, true)) call_->WritesDone(begin(Operation::kHalfClose));
  }
  void start_finish(void* tag) override { call_->Finish(&status_, tag); }
  void cancel_call() override { context_.TryCancel(); }
  std::string end_reason() const override {
    return status_.ok() ? "the stream was ended" : "the stream broke: " + status_.error_message();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::Status status_;
  const bool insecure_;
  bool on_its_way_ = false;
  bool half_closed_ = false;
};

// A stream of somebody's: waited for, then taken.
class ServerCall final : public Call {
 public:
  ServerCall(Calls& calls, std::shared_ptr<Outlet> outlet, grpc::ServerCompletionQueue& queue,
             StreamId stream, bool insecure)
      : Call(calls, std::move(outlet), queue, stream), call_(&context_), insecure_(insecure) {}

  void wait_for(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) {
    const std::lock_guard lock(mutex_);
    service.RequestCall(&context_, &call_, &queue, &queue, begin(Operation::kStart));
  }

 private:
  // First it comes in, then our answer to it is on its way.
  void handle_start(bool ok) override {
    if (std::exchange(came_in_, true)) return ok ? take() : finish();
    if (!ok) {  // the server is shut
      came_in_ = false;
      state_ = State::kEnded;
      return;
    }
    calls_.came_in(*this);
    if (context_.method() != kMethod) {
      farewell_ = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "only " + std::string(kMethod));
      return finish();
    }
    call_.SendInitialMetadata(begin(Operation::kMetadata));
  }

  void take() {
    if (state_ != State::kStarting) return;
    outlet_->post_accepted(stream(), identity_of(*context_.auth_context(), insecure_));
    come_up();
  }

  void start_read(grpc::ByteBuffer& into, void* tag) override { call_.Read(&into, tag); }
  void start_write(const grpc::ByteBuffer& bytes, void* tag) override { call_.Write(bytes, tag); }
  void say_farewell() override { finish(); }
  void start_finish(void* tag) override { call_.Finish(farewell_, tag); }
  void cancel_call() override {
    if (came_in_) context_.TryCancel();
  }
  std::string end_reason() const override { return "the stream was ended or broke"; }

  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter call_;
  grpc::Status farewell_ = grpc::Status::OK;
  const bool insecure_;
  bool came_in_ = false;
};

}  // namespace

// The server, the queue with its thread, and all calls.
class GrpcTransport::Runner final : public Calls {
 public:
  Runner(asio::io_context& owner, GrpcOptions options)
      : options_(std::move(options)), outlet_(std::make_shared<Outlet>(owner)) {}
  ~Runner() override { stop(); }

  std::string start(TransportEvents& events);
  void stop();
  StreamId dial(const std::string& name, const std::string& address);
  int port() const { return port_; }

  // Null if it is gone.
  std::shared_ptr<Call> find(StreamId stream);
  void forget(StreamId stream) { outlet_->remove(stream); }

 private:
  void ended(Call& call) override;
  void came_in(Call& call) override;

  std::shared_ptr<grpc::ServerCredentials> server_credentials() const;
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials() const;
  bool listen();
  void run();
  void wait_for_call();
  std::vector<std::shared_ptr<Call>> all_calls();
  const GrpcOptions options_;
  const std::shared_ptr<Outlet> outlet_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::CompletionQueue> queue_;         // of all calls; there from start() on
  grpc::ServerCompletionQueue* server_queue_ = nullptr;  // the same, if we listen
  std::unique_ptr<grpc::Server> server_;                 // null: we only dial
  std::thread thread_;                                   // takes from queue_
  int port_ = 0;

  std::mutex mutex_;  // of what follows; taken after a call's, none is taken inside
  std::condition_variable some_ended_;
  std::map<StreamId, std::shared_ptr<Call>> calls_;
  std::shared_ptr<ServerCall> awaited_;
  StreamId next_stream_ = 1;
  bool stopping_ = false;
};

// --- start and stop ---

std::string GrpcTransport::Runner::start(TransportEvents& events) {
  if (options_.listen.empty()) {
    queue_ = std::make_unique<grpc::CompletionQueue>();
  } else if (!listen()) {
    queue_.reset();
    return "cannot listen on " + options_.listen +
           ": the address is taken or not ours, or key and certificate do not fit";
  }
  outlet_->open(events);
  thread_ = std::thread([this] { run(); });
  if (server_) wait_for_call();
  return {};
}

bool GrpcTransport::Runner::listen() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.listen, server_credentials(), &port_);
  builder.RegisterAsyncGenericService(&service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.message_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second daemon is an error, not a partner
  std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ && port_ != 0) {
    server_queue_ = queue.get();
    queue_ = std::move(queue);
    return true;
  }
  if (server_) server_->Shutdown();
  server_.reset();
  queue->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) {
  }
  return false;
}

// Bounded: kFarewell for last words, then as long again for what was broken off.
void GrpcTransport::Runner::stop() {
  if (!queue_) return;
  outlet_->shut();
  for (const auto& call : all_calls()) call->close();
  {
    std::unique_lock lock(mutex_);
    some_ended_.wait_for(lock, kFarewell, [this] { return calls_.empty(); });
    stopping_ = true;
  }
  for (const auto& call : all_calls()) call->cancel();
  if (server_) server_->Shutdown(std::chrono::system_clock::now());
  {
    std::unique_lock lock(mutex_);
    some_ended_.wait_for(lock, kFarewell, [this] { return calls_.empty() && !awaited_; });
  }
  for (const auto& call : all_calls()) call->abandon();
  queue_->Shutdown();
  thread_.join();
  server_.reset();
  queue_.reset();
}

void GrpcTransport::Runner::run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    const Tag at = *static_cast<Tag*>(tag);
    at.call->done(at.operation, ok);
  }
}

// --- calls ---

StreamId GrpcTransport::Runner::dial(const std::string& name, const std::string& address) {
  grpc::ChannelArguments arguments;
  if (!options_.insecure) arguments.SetSslTargetNameOverride(name);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options_.message_bytes_max));
  // Each dial is a new attempt: the pause is the dialer's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(address, channel_credentials(), arguments);
  std::shared_ptr<ClientCall> call;
  {
    const std::lock_guard lock(mutex_);
    call = std::make_shared<ClientCall>(*this, outlet_, *queue_, next_stream_++, channel, options_.insecure);
    calls_.emplace(call->stream(), call);
  }
  outlet_->add(call->stream());
  call->start();
  return call->stream();
}

// When stop() has begun nobody is waited for. What was already on its way into gRPC comes back with an error.
void GrpcTransport::Runner::wait_for_call() {
  std::shared_ptr<ServerCall> call;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    awaited_ = call =
        std::make_shared<ServerCall>(*this, outlet_, *server_queue_, next_stream_++, options_.insecure);
  }
  call->wait_for(service_, *server_queue_);
}

void GrpcTransport::Runner::came_in(Call& call) {
  {
    const std::lock_guard lock(mutex_);
    calls_.emplace(call.stream(), std::exchange(awaited_, nullptr));
  }
  wait_for_call();
}

void GrpcTransport::Runner::ended(Call& call) {
  std::shared_ptr<Call> last;  // dies after the lock is gone
  const std::lock_guard lock(mutex_);
  if (awaited_.get() == &call) {
    last = std::exchange(awaited_, nullptr);
  } else if (auto node = calls_.extract(call.stream())) {
    last = std::move(node.mapped());
  }
  some_ended_.notify_all();
}

std::shared_ptr<Call> GrpcTransport::Runner::find(StreamId stream) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(stream);
  return found == calls_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Call>> GrpcTransport::Runner::all_calls() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Call>> all;
  for (const auto& [stream, call] : calls_) all.push_back(call);
  return all;
}

// --- credentials ---

std::shared_ptr<grpc::ServerCredentials> GrpcTransport::Runner::server_credentials() const {
  if (options_.insecure) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = options_.ca_pem;
  ssl.pem_key_cert_pairs.push_back({options_.key_pem, options_.certificate_pem});
  return grpc::SslServerCredentials(ssl);
}

std::shared_ptr<grpc::ChannelCredentials> GrpcTransport::Runner::channel_credentials() const {
  if (options_.insecure) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({options_.ca_pem, options_.key_pem, options_.certificate_pem});
}

// --- the face ---

GrpcTransport::GrpcTransport(asio::io_context& owner, GrpcOptions options)
    : runner_(std::make_unique<Runner>(owner, std::move(options))) {}
GrpcTransport::~GrpcTransport() = default;

std::string GrpcTransport::start(TransportEvents& events) {
  return runner_->start(events);
}
void GrpcTransport::stop() {
  runner_->stop();
}
int GrpcTransport::port() const {
  return runner_->port();
}

StreamId GrpcTransport::dial(const std::string& name, const std::string& address) {
  return runner_->dial(name, address);
}

void GrpcTransport::send(StreamId stream, std::string bytes) {
  if (const auto call = runner_->find(stream)) call->send(std::move(bytes));
}

void GrpcTransport::tell_when_drained(StreamId stream) {
  if (const auto call = runner_->find(stream)) call->tell_when_drained();
}

void GrpcTransport::close(StreamId stream) {
  runner_->forget(stream);
  if (const auto call = runner_->find(stream)) call->close();
}

}  // namespace netmsg::proxy
