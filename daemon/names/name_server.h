// SPDX-License-Identifier: Apache-2.0
// The name service of this host (spec 08): an ordinary Mach server that runs as a task inside the daemon,
// with a space of its own, and knows nothing of how other hosts are reached. It has three ports:
//
//   local     programs of this host; also what NameServer, NM_ACTIVE, NMMonitor and NMControl denote for them
//   network   other hosts' name services: looks up in the local table and tells the version. Check-in and
//             check-out do not exist there, since names are always registered on the caller's node (08 §5);
//             and a question that another host passes on is not asked on, so that none can go in circles
//   notify    dead-name notifications: nobody but the engine was ever given a right to it
//
// One call is served after the other (08 §4.13). Only look-ups on other hosts wait, and nobody waits for
// them. An answer that its caller cannot take at once is dropped. Owner thread only.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/names/hosts.h"
#include "daemon/names/inner_task.h"
#include "daemon/names/registry.h"
#include "daemon/names/remote_look_ups.h"
#include "daemon/names/resolver.h"
#include "daemon/names/wire.h"

namespace netmsg::names {

struct Options {
  std::string version;                            // what netname_version tells; cut at 79 characters
  std::vector<std::string> own_hosts;             // names and addresses of this host
  std::vector<PeerHost> peers;                    // empty: networking is off
  std::chrono::milliseconds look_up_limit{5000};  // how long a look-up waits for other hosts
};

class NameServer {
 public:
  // `account` pays; engine, account and resolver outlive the server. `resolver` may be null: then only
  // configured names and addresses are known.
  NameServer(ipc::Engine& engine, ipc::Account& account, Options options, Resolver* resolver);

  // Send rights for the ports above.
  ipc::SendRight local_port();
  ipc::SendRight network_port();

  // What is known about a configured peer; other names are ignored. See RemoteLookUps.
  void peer_up(const std::string& peer, const std::string& display_name, ipc::SendRight name_service);
  void peer_down(const std::string& peer);
  void peer_unreachable(const std::string& peer);

  std::vector<Registry::Row> rows() const { return registry_.rows(); }
  std::size_t pending() const { return remote_.pending() + resolving_; }

 private:
  struct Request {
    ReplyTo reply;
    const ipc::Bytes& message;
    bool from_network;
  };
  struct Routine;
  static const Routine kRoutines[];

  ipc::Name make_port();
  void check_in_itself(const char* name);
  void serve(ipc::Name port);
  void watch_deaths();
  void notified(const ipc::Bytes& message);
  void handle(const Request& request);
  void refuse(const Request& request, kern_return_t code);

  // One for each routine. False: a descriptor is not as it must be; nothing was done.
  bool check_in(const Request& request);
  bool look_up(const Request& request);
  bool check_out(const Request& request);
  bool version(const Request& request);

  void look_up_here(const ReplyTo& reply, const std::string& name, bool from_network);
  void look_up_at(const ReplyTo& reply, const Hosts::Meant& where, const std::string& name);
  void resolve(const ReplyTo& reply, const LookUp& wanted);

  void answer(const ReplyTo& to, ipc::Bytes message);
  void answer_code(const ReplyTo& to, kern_return_t code);
  // Consumes the port's user reference.
  void answer_port(const ReplyTo& to, kern_return_t code, ipc::Name port);

  Options options_;
  Resolver* resolver_;
  InnerTask task_;
  ipc::Name local_;
  ipc::Name network_;
  ipc::Name notify_;
  Registry registry_;
  RemoteLookUps remote_;
  Hosts hosts_;
  std::size_t resolving_ = 0;
};

}  // namespace netmsg::names
