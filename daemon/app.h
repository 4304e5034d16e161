// SPDX-License-Identifier: Apache-2.0
// The running daemon: the only place that constructs everything and connects it. The thread that makes the
// App and runs it is the owner thread; gRPC's threads and the resolver's bring their results to it through
// its event loop.
//
//   programs -> Listener -> Engine <- NameServer (a task inside)
//                             |  ^      ^
//                  RemoteLink v  |      | peer_up, peer_down, peer_unreachable
//                            Proxy ------
//                             |
//   other daemons <-> GrpcTransport            netmsgctl -> Control, looks at all of them
//
//   state     event                    next
//   made      run()                    running
//   running   SIGTERM, SIGINT          stopping: nobody new, tasks die, peers are told; then the destructor
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "daemon/config.h"

namespace netmsg::daemon {

class App {
 public:
  // Takes the state directory, then opens all sockets. An error in words if something cannot be had; then
  // nothing stays behind.
  static std::variant<std::unique_ptr<App>, std::string> start(const Config& config);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Serves until a signal asks for the end; all is stopped when it returns, within 5 s of the signal. A
  // second signal ends the process at once.
  void run();

 private:
  class Parts;
  explicit App(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace netmsg::daemon
