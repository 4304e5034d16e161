// SPDX-License-Identifier: Apache-2.0
// A host of a test: a real netmsgd with files of its own
// in a temporary folder, and netmsgctl to look into it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temporary_folder.h"

namespace netmsg::test {

// A TCP port of the loopback interface that was free a moment ago.
std::uint16_t free_port();

class Host {
 public:
  struct Peer {
    std::string name;
    std::uint16_t port;  // 0: it dials us
  };
  // Starts the daemon and waits until it answers. `port` 0: it does not listen. `options` are added to its
  // command line.
  Host(std::string name, std::uint16_t port, std::vector<Peer> peers, std::vector<std::string> options = {});
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const std::string& name() const { return name_; }
  std::string socket() const { return folder_.path() + "/socket"; }
  std::string control_socket() const { return folder_.path() + "/control"; }
  Process::Environment environment() const { return {{"NETMSGD_SOCKET", socket()}}; }

  // netmsgctl with these arguments: status and output.
  std::pair<int, std::string> control(const std::vector<std::string>& arguments) const;
  // As netmsgctl peers says: "open", "broken", ...; "" if it says nothing.
  std::string peer_state(const std::string& peer) const;
  // Waits until a session with that host is open; tells whether it is.
  bool connected_to(const std::string& peer) const;

  // Ends the daemon by a signal and starts it again on the same files.
  void restart(int signal);
  std::optional<int> stop();
  Process& daemon() { return *daemon_; }

 private:
  friend std::string balanced(const std::vector<const Host*>& hosts);
  void start();

  std::string name_;
  TemporaryFolder folder_;
  std::vector<std::string> command_;
  std::unique_ptr<Process> daemon_;
};

// Both come to rest together, and neither finds an imbalance. "" or what is wrong.
std::string balanced(const std::vector<const Host*>& hosts);

// Hosts a and b in sessions with each other, in plain text on loopback.
struct TwoHosts {
  std::uint16_t port_a = free_port();
  std::uint16_t port_b = free_port();
  Host a{"a", port_a, {{"b", port_b}}};
  Host b{"b", port_b, {{"a", port_a}}};
  TwoHosts();
};

}  // namespace netmsg::test
