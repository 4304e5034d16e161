// SPDX-License-Identifier: Apache-2.0
// Transports of several daemons in one process: bytes arrive when the test says so, in order on each stream;
// streams can be cut, and what was sent can be looked at. Deterministic.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proxy/transport.h"

namespace netmsg::test {

class MemoryNetwork {
 public:
  MemoryNetwork();
  ~MemoryNetwork();

  // The transport of the host at `address`; made at the first call.
  proxy::Transport& host(const std::string& address);
  // What its peers see as its certificate. Default: none (plaintext).
  void certify(const std::string& address, const proxy::PeerIdentity& identity);

  // Lets one event happen at a host (at any host: ""). False if there is none.
  bool step(const std::string& at = "");
  // Lets all happen, until nothing is under way (to that host).
  void run(const std::string& at = "");
  // What is under way to a host comes stream by stream, the oldest one first: between streams there is no order.
  void sort_by_stream(const std::string& to);
  // Bytes under way to a host.
  std::size_t under_way(const std::string& to) const;

  // Both ends of every stream (between the two) learn that it is broken, after what is under way (`lose`: instead of
  // it).
  void cut(bool lose);
  void cut(const std::string& one, const std::string& other, bool lose);
  // While it is on, all that is sent is lost, streams that are closed stay open for the other end, and none
  // is made; nobody is told.
  void silence(bool on) { silent_ = on; }
  // New streams (between the two) are refused.
  void refuse_dials(bool on) { refusing_ = on; }
  void refuse_dials(const std::string& one, const std::string& other, bool on);

  // Everything that a host has sent since the start.
  const std::string& sent_by(const std::string& address) const;
  std::size_t streams() const;

 private:
  class Host;
  struct Happening;

  Host* find(const std::string& address) const;
  bool refuses(const Host& dialer, const Host& dialed) const;

  std::map<std::string, std::unique_ptr<Host>> hosts_;
  proxy::StreamId next_stream_ = 1;
  bool silent_ = false;
  bool refusing_ = false;
  std::set<std::pair<std::string, std::string>> refused_;  // both ways
};

}  // namespace netmsg::test
