// SPDX-License-Identifier: Apache-2.0
// A gRPC server whose calls are answered on the owner thread, between two events: each has one request and one reply.
// The poller tells when there is something to do, so no thread waits for calls.
//
//   a call      event                              next
//   awaited     it comes in, is known              reading
//   awaited     it comes in, is not known          ending    UNIMPLEMENTED
//   awaited     stop()                             gone
//   reading     its request is there               settling
//   reading     there is none                      ending    INVALID_ARGUMENT
//   settling    the event loop has turned          ending    the answer
//   settling    stop()                             ending    UNAVAILABLE
//   ending      the answer is sent, or cannot be   gone
//
// Owner: Control. Owner thread only.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "proxy/grpc_poller.h"

namespace asio {
class io_context;
}

namespace netmsg::daemon {

class ControlServer {
 public:
  struct Method {
    // Turns through the event loop before the answer is made.
    int passes;
    std::function<grpc::Status(grpc::ByteBuffer& request, grpc::ByteBuffer& reply)> answer;
  };
  using Methods = std::map<std::string, Method>;  // by path: "/package.Service/Method"

  // `owner` and `poller` outlive this object.
  ControlServer(asio::io_context& owner, proxy::GrpcPoller& poller, Methods methods);
  ~ControlServer();  // ends all calls, in bounded time
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // False: gRPC cannot serve.
  bool start();
  // Takes over a connected socket that does not block.
  void take(int connection);

 private:
  class Call;
  void wait_for_call();
  void stop();

  asio::io_context& owner_;
  proxy::GrpcPoller& poller_;
  const Methods methods_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::map<const Call*, std::shared_ptr<Call>> calls_;  // also the awaited one
  bool stopping_ = false;
};

}  // namespace netmsg::daemon
