// SPDX-License-Identifier: Apache-2.0
#include "daemon/control_server.h"

#include <grpcpp/server_posix.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <utility>
#include <vector>

namespace netmsg::daemon {
namespace {

// How long a stop lets answers go out, and then waits for what was broken off.
constexpr std::chrono::milliseconds kGrace{200};
constexpr std::chrono::milliseconds kBreakOff{1000};
constexpr int kStreamsMax = 16;  // calls of one connection at one time

}  // namespace

// gRPC's tags: one operation of a call is under way at a time.
class ControlServer::Call final : public proxy::GrpcPoller::Operation,
                                  public std::enable_shared_from_this<Call> {
 public:
  explicit Call(ControlServer& server) : server_(server), io_(&context_) {}

  void await() {
    server_.service_.RequestCall(&context_, &io_, server_.queue_.get(), server_.queue_.get(), tag());
  }

  void stop() {
    if (state_ == State::kSettling) end({grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"});
  }
  void cancel() {
    if (state_ != State::kAwaited) context_.TryCancel();
  }
  bool awaited() const { return state_ == State::kAwaited; }

 private:
  enum class State { kAwaited, kReading, kSettling, kEnding };

  void* tag() {
    server_.poller_.look_soon();
    return static_cast<Operation*>(this);
  }

  void done(bool ok) override {
    switch (state_) {
      case State::kAwaited:
        return ok ? come_in() : go();
      case State::kReading:
        if (!ok) return end({grpc::StatusCode::INVALID_ARGUMENT, "a call has one request"});
        state_ = State::kSettling;
        return settle(method_->passes);
      case State::kSettling:
        return;  // nothing is under way
      case State::kEnding:
        return go();
    }
  }

  void come_in() {
    server_.wait_for_call();
    const auto found = server_.methods_.find(context_.method());
    if (found == server_.methods_.end()) return end({grpc::StatusCode::UNIMPLEMENTED, context_.method()});
    method_ = &found->second;
    state_ = State::kReading;
    io_.Read(&request_, tag());
  }

  void settle(int passes) {
    asio::post(server_.owner_, [weak = weak_from_this(), passes] {
      const std::shared_ptr<Call> call = weak.lock();
      if (!call || call->state_ != State::kSettling) return;
      passes > 1 ? call->settle(passes - 1) : call->answer();
    });
  }

  void answer() {
    grpc::ByteBuffer reply;
    const grpc::Status status = method_->answer(request_, reply);
    if (!status.ok()) return end(status);
    state_ = State::kEnding;
    io_.WriteAndFinish(reply, grpc::WriteOptions(), status, tag());
  }

  void end(const grpc::Status& status) {
    state_ = State::kEnding;
    io_.Finish(status, tag());
  }

  void go() { const auto self = server_.calls_.extract(this); }

  ControlServer& server_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter io_;
  grpc::ByteBuffer request_;
  const Method* method_ = nullptr;  // set when it has come in
  State state_ = State::kAwaited;
};

ControlServer::ControlServer(asio::io_context& owner, proxy::GrpcPoller& poller, Methods methods)
    : owner_(owner), poller_(poller), methods_(std::move(methods)) {}

ControlServer::~ControlServer() {
  if (server_) stop();
}

bool ControlServer::start() {
  grpc::ServerBuilder builder;
  builder.RegisterAsyncGenericService(&service_);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // its timers run in gRPC's threads
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (!server_) return false;
  poller_.add(*queue_);
  wait_for_call();
  return true;
}

void ControlServer::take(int connection) {
  grpc::AddInsecureChannelFromFd(server_.get(), connection);
  poller_.look_soon();
}

void ControlServer::wait_for_call() {
  if (stopping_) return;
  const auto call = std::make_shared<Call>(*this);
  calls_.emplace(call.get(), call);
  call->await();
}

// The server's own end waits for the calls'. One more may come in until then, and is cancelled as well.
void ControlServer::stop() {
  stopping_ = true;
  const auto each = [this](auto&& tell) {
    std::vector<std::shared_ptr<Call>> all;
    for (const auto& [key, call] : calls_) all.push_back(call);
    for (const auto& call : all) tell(*call);
  };
  const auto only_awaited = [this] {
    return calls_.empty() || (calls_.size() == 1 && calls_.begin()->second->awaited());
  };
  each([](Call& call) { call.stop(); });
  poller_.run_until(only_awaited, kGrace);
  each([](Call& call) { call.cancel(); });
  poller_.run_until(only_awaited, kBreakOff);
  server_->Shutdown(std::chrono::system_clock::now());
  poller_.remove(*queue_);
}

}  // namespace netmsg::daemon
