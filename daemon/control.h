// SPDX-License-Identifier: Apache-2.0
// Serves control.proto on a Unix socket. What a call asks for is looked up between two events. The daemon's side of the socket is made and taken over as that of the
// programs is (session::ListenSocket); gRPC gets the connections that were accepted.
//
// States: serving, closed. Owner: App. Owner thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "daemon/base/clock.h"
#include "daemon/ipc/engine.h"
#include "daemon/names/name_server.h"
#include "daemon/session/listener.h"
#include "proxy/grpc_poller.h"
#include "proxy/proxy.h"

namespace asio {
class io_context;
}

namespace netmsg::daemon {

struct ControlOptions {
  std::string path;  // of the socket
  mode_t mode = 0600;
  std::string group;  // that it belongs to; empty: the daemon's own
};

// What does not change while the daemon runs.
struct DaemonFacts {
  std::string version;
  std::string node;
  std::string node_id;
  std::uint64_t incarnation = 0;
  std::string socket;
  std::string listen;
  bool tls = false;
  base::Instant started{};
};

// What is looked at; all of it outlives the Control.
struct ControlSources {
  asio::io_context& io;  // runs on the owner thread
  proxy::GrpcPoller& poller;
  const base::Clock& clock;
  const ipc::Engine& engine;
  const names::NameServer& names;
  const session::Listener& listener;
  const proxy::Proxy* proxy;  // null: networking is off
  DaemonFacts facts;
};

class Control {
 public:
  // An error in words if the path cannot be had (see session::Listener::open) or gRPC cannot serve.
  static std::variant<std::unique_ptr<Control>, std::string> open(const ControlOptions& options,
                                                                  ControlSources sources);
  ~Control();  // ends all calls, in bounded time
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

 private:
  class Server;
  explicit Control(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace netmsg::daemon
