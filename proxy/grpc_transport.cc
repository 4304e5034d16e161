// SPDX-License-Identifier: Apache-2.0
#include "proxy/grpc_transport.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "proxy/grpc_poller.h"

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

// A message as it came, in one piece or in many: nothing is copied.
void hand_over(const grpc::ByteBuffer& message, StreamId stream, TransportEvents& to) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) slices.clear();
  std::vector<std::string_view> places;
  places.reserve(slices.size());
  for (const grpc::Slice& slice : slices)
    places.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
  to.received(stream, Rope(places));
}

class Call;

// What happens to calls, and who hears of it. All is said in turns of the poller.
class Calls {
 public:
  virtual ~Calls() = default;
  // Null: nobody is to hear of this stream any more.
  virtual TransportEvents* listener(StreamId stream) = 0;
  // The call has ended and nothing of it is pending. Its owner lets go of it.
  virtual void ended(Call& call) = 0;
  // The call that was waited for has come in: wait for the next one.
  virtual void came_in(Call& call) = 0;
};

// What calls are made with.
struct Surroundings {
  Calls& calls;
  asio::io_context& owner;
  GrpcPoller& poller;
  grpc::CompletionQueue& queue;
  bool insecure;
};

// One stream. At most one read and one write are pending at a time. It lives until Finish has come back
// and no tag is with gRPC any more.
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

  Call(const Surroundings& with, StreamId stream) : with_(with), timeout_(with.owner), stream_(stream) {}
  virtual ~Call() {
    if (restless_) with_.poller.restless(with_.queue, -1);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  StreamId stream() const { return stream_; }

  void send(std::string bytes) {
    if (state_ != State::kStarting && state_ != State::kUp) return;
    waiting_bytes_ += bytes.size();
    if (waiting_bytes_ > kWaitingMax) return cancel_call();  // it acknowledges and does not read
    waiting_.push_back(std::move(bytes));
    write_next();
  }

  void tell_when_drained() {
    wants_drained_ = true;
    if (!waiting_.empty()) return;
    asio::post(with_.owner, [weak = weak_from_this()] {
      if (const std::shared_ptr<Call> call = weak.lock()) call->report_drained();
    });
  }

  void close() {
    // Finishing can wait for a write that the other side does not let through.
    if (state_ == State::kStarting || state_ == State::kFinishing) return cancel_call();
    if (state_ != State::kUp) return;
    enter(State::kLeaving);
    timeout_.expires_after(kFarewell);
    timeout_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      const std::shared_ptr<Call> call = weak.lock();
      if (!error && call) call->cancel();
    });
    read_next();
    write_next();
  }

  void cancel() {
    if (state_ != State::kEnded) cancel_call();
  }

  // Idempotent. What is there is received, and so is the end of the stream.
  void read_next() {
    const bool wanted = state_ == State::kUp || state_ == State::kLeaving;
    if (reading_ || !wanted) return;
    reading_ = true;
    start_read(read_, read_step_.begin());
  }

  // Nothing new is started from now on: the queue is about to be shut.
  void abandon() { enter(State::kEnded); }

 protected:
  // What is handed to gRPC as a tag: one for each kind of operation.
  class Step final : public GrpcPoller::Operation {
   public:
    Step(Call& call, void (Call::*handle)(bool ok)) : call_(call), handle_(handle) {}
    // Before the operation is handed to gRPC.
    void* begin() {
      ++call_.pending_;
      call_.with_.poller.look_soon();
      return static_cast<GrpcPoller::Operation*>(this);
    }
    void done(bool ok) override { call_.done(handle_, ok); }

   private:
    Call& call_;
    void (Call::*const handle_)(bool ok);
  };

  virtual void handle_start(bool ok) = 0;
  virtual void start_read(grpc::ByteBuffer& into, void* tag) = 0;
  virtual void start_write(const grpc::ByteBuffer& bytes, void* tag) = 0;
  // We have said all: how the other side learns it. Called once or more.
  virtual void say_farewell() = 0;
  virtual void start_finish(void* tag) = 0;
  virtual void cancel_call() = 0;
  virtual std::string end_reason() const = 0;

  void enter(State state) {
    state_ = state;
    const bool restless = state != State::kUp && state != State::kEnded;
    if (std::exchange(restless_, restless) != restless) with_.poller.restless(with_.queue, restless ? 1 : -1);
  }

  void come_up() {
    enter(State::kUp);
    read_next();
    write_next();
  }

  void finish() {
    if (state_ == State::kFinishing || state_ == State::kEnded) return;
    enter(State::kFinishing);
    waiting_.clear();
    finish_when_quiet();
  }

  const Surroundings with_;
  State state_ = State::kStarting;
  Step start_{*this, &Call::handle_start};
  Step metadata_{*this, &Call::handle_start};
  Step half_close_{*this, &Call::handle_half_close};

 private:
  void done(void (Call::*handle)(bool ok), bool ok) {
    const std::shared_ptr<Call> self = shared_from_this();  // also if it is forgotten meanwhile
    --pending_;
    (this->*handle)(ok);
    if (pending_ == 0 && state_ == State::kEnded) with_.calls.ended(*this);
  }

  void handle_half_close(bool) {}  // what follows is the end of reading

  void handle_read(bool ok) {
    reading_ = false;
    if (!ok) return finish();
    const bool is_answered = std::exchange(wrote_, false);  // as a rule
    TransportEvents* const listener = state_ == State::kUp ? with_.calls.listener(stream_) : nullptr;
    if (listener != nullptr) hand_over(read_, stream_, *listener);
    // gRPC tells the other side of each read that waits, in a segment of its own; behind a write it has nothing left to tell.
    if (!is_answered || state_ != State::kUp || !with_.poller.put_off()) read_next();
  }

  void handle_write(bool ok) {
    set_writing(false);
    if (!ok) cancel_call();  // the end of reading follows
    if (state_ == State::kFinishing) return finish_when_quiet();
    write_next();
    report_drained();
  }

  void handle_finish(bool) {
    enter(State::kEnded);
    timeout_.cancel();
    if (TransportEvents* const listener = with_.calls.listener(stream_))
      listener->closed(stream_, end_reason());
  }

  void set_writing(bool writing) {
    writing_ = writing;
    with_.poller.restless(with_.queue, writing ? 1 : -1);
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
    set_writing(true);
    start_write(grpc::ByteBuffer(slices.data(), slices.size()), write_step_.begin());
    wrote_ = true;
    read_next();
  }

  // While one write is with gRPC the next one may wait: so the wire is never idle.
  void report_drained() {
    if (!wants_drained_ || state_ != State::kUp || !waiting_.empty()) return;
    wants_drained_ = false;
    if (TransportEvents* const listener = with_.calls.listener(stream_)) listener->drained(stream_);
  }

  // gRPC wants no write pending when Finish begins.
  void finish_when_quiet() {
    if (writing_ || finishing_) return;
    finishing_ = true;
    start_finish(finish_step_.begin());
  }

  Step read_step_{*this, &Call::handle_read};
  Step write_step_{*this, &Call::handle_write};
  Step finish_step_{*this, &Call::handle_finish};
  asio::steady_timer timeout_;  // of the farewell
  const StreamId stream_;
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  grpc::ByteBuffer read_;
  int pending_ = 0;        // tags that are with gRPC
  bool restless_ = false;  // the poller was told
  bool wants_drained_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool wrote_ = false;  // since something was received
  bool finishing_ = false;
};

// A stream that we dial.
class ClientCall final : public Call {
 public:
  ClientCall(const Surroundings& with, StreamId stream, const std::shared_ptr<grpc::Channel>& channel)
      : Call(with, stream), stub_(channel) {}

  void start() {
    enter(State::kStarting);
    call_ = stub_.PrepareCall(&context_, kMethod, &with_.queue);
    call_->StartCall(start_.begin());
  }

 private:
  // First the call is on its way, then the other daemon has answered it.
  void handle_start(bool ok) override {
    if (!ok) return finish();
    if (state_ == State::kEnded) return;
    if (!std::exchange(on_its_way_, true)) return call_->ReadInitialMetadata(metadata_.begin());
    if (state_ != State::kStarting) return;
    come_up();
    if (TransportEvents* const listener = with_.calls.listener(stream()))
      listener->connected(stream(), identity_of(*context_.auth_context(), with_.insecure));
  }

  void start_read(grpc::ByteBuffer& into, void* tag) override { call_->Read(&into, tag); }
  void start_write(const grpc::ByteBuffer& bytes, void* tag) override { call_->Write(bytes, tag); }
  // The other side reads to the end, then finishes; the end of our reading follows.
  void say_farewell() override {
    if (!std::exchange(half_closed_, true)) call_->WritesDone(half_close_.begin());
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
  bool on_its_way_ = false;
  bool half_closed_ = false;
};

// A stream of somebody's: waited for, then taken.
class ServerCall final : public Call {
 public:
  ServerCall(const Surroundings& with, StreamId stream) : Call(with, stream), call_(&context_) {}

  void wait_for(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) {
    service.RequestCall(&context_, &call_, &queue, &queue, start_.begin());
  }

 private:
  // First it comes in, then our answer to it is on its way.
  void handle_start(bool ok) override {
    if (std::exchange(came_in_, true)) return ok ? take() : finish();
    if (!ok) {  // the server is shut
      came_in_ = false;
      return enter(State::kEnded);
    }
    enter(State::kStarting);
    with_.calls.came_in(*this);
    if (context_.method() != kMethod) {
      farewell_ = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "only " + std::string(kMethod));
      return finish();
    }
    call_.SendInitialMetadata(metadata_.begin());
  }

  void take() {
    if (state_ != State::kStarting) return;
    come_up();
    if (TransportEvents* const listener = with_.calls.listener(stream()))
      listener->accepted(stream(), identity_of(*context_.auth_context(), with_.insecure));
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
  bool came_in_ = false;
};

}  // namespace

// The server, the queue, and all calls.
class GrpcTransport::Runner final : public Calls {
 public:
  Runner(asio::io_context& owner, GrpcPoller& poller, GrpcOptions options)
      : owner_(owner), poller_(poller), options_(std::move(options)) {}
  ~Runner() override { stop(); }

  std::string start(TransportEvents& events);
  void stop();
  StreamId dial(const std::string& name, const std::string& address);
  int port() const { return port_; }

  // Null if it is gone.
  std::shared_ptr<Call> find(StreamId stream);
  void forget(StreamId stream) { live_.erase(stream); }

 private:
  TransportEvents* listener(StreamId stream) override;
  void ended(Call& call) override;
  void came_in(Call& call) override;

  std::shared_ptr<grpc::ServerCredentials> server_credentials() const;
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials() const;
  bool listen();
  void wait_for_call();
  Surroundings surroundings() { return {*this, owner_, poller_, *queue_, options_.insecure}; }
  // None of them keeps its place in the map while something is done to it.
  std::vector<std::shared_ptr<Call>> all_calls() const;

  asio::io_context& owner_;
  GrpcPoller& poller_;
  const GrpcOptions options_;
  TransportEvents* events_ = nullptr;  // null: stopped
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::CompletionQueue> queue_;         // of all calls; there from start() on
  grpc::ServerCompletionQueue* server_queue_ = nullptr;  // the same, if we listen
  std::unique_ptr<grpc::Server> server_;                 // null: we only dial
  int port_ = 0;
  std::map<StreamId, std::shared_ptr<Call>> calls_;
  std::set<StreamId> live_;  // of which the owner hears
  std::shared_ptr<ServerCall> awaited_;
  StreamId next_stream_ = 1;
  bool stopping_ = false;
};

// --- start and stop ---

std::string GrpcTransport::Runner::start(TransportEvents& events) {
  if (options_.listen.empty()) {
    queue_ = std::make_unique<grpc::CompletionQueue>();
  } else if (!listen()) {
    return "cannot listen on " + options_.listen +
           ": the address is taken or not ours, or key and certificate do not fit";
  }
  events_ = &events;
  poller_.add(*queue_, [this] {
    for (const auto& call : all_calls()) call->read_next();
  });
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
  events_ = nullptr;
  for (const auto& call : all_calls()) call->close();
  poller_.run_until([this] { return calls_.empty(); }, kFarewell);
  stopping_ = true;
  for (const auto& call : all_calls()) call->cancel();
  if (server_) server_->Shutdown(std::chrono::system_clock::now());
  poller_.run_until([this] { return calls_.empty() && !awaited_; }, kFarewell);
  for (const auto& call : all_calls()) call->abandon();
  poller_.remove(*queue_);
  server_.reset();
  queue_.reset();
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
  const auto call = std::make_shared<ClientCall>(surroundings(), next_stream_++, channel);
  calls_.emplace(call->stream(), call);
  live_.insert(call->stream());
  call->start();
  return call->stream();
}

// When stop() has begun nobody is waited for. What was already on its way into gRPC comes back with an error.
void GrpcTransport::Runner::wait_for_call() {
  if (stopping_) return;
  awaited_ = std::make_shared<ServerCall>(surroundings(), next_stream_++);
  awaited_->wait_for(service_, *server_queue_);
}

void GrpcTransport::Runner::came_in(Call& call) {
  live_.insert(call.stream());
  calls_.emplace(call.stream(), std::exchange(awaited_, nullptr));
  wait_for_call();
}

TransportEvents* GrpcTransport::Runner::listener(StreamId stream) {
  return live_.count(stream) != 0 ? events_ : nullptr;
}

void GrpcTransport::Runner::ended(Call& call) {
  live_.erase(call.stream());
  if (awaited_.get() == &call) awaited_.reset();
  calls_.erase(call.stream());
}

std::shared_ptr<Call> GrpcTransport::Runner::find(StreamId stream) {
  const auto found = calls_.find(stream);
  return found == calls_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Call>> GrpcTransport::Runner::all_calls() const {
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

GrpcTransport::GrpcTransport(asio::io_context& owner, GrpcPoller& poller, GrpcOptions options)
    : runner_(std::make_unique<Runner>(owner, poller, std::move(options))) {}
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
