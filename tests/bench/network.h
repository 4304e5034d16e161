// SPDX-License-Identifier: Apache-2.0
// Where two hosts are: a network namespace each, joined by a pair of virtual Ethernet devices, if this program may make
// them (root, or a user namespace of its own); otherwise both on loopback, and words() says why. What is made at a side stays
// there. Gone with the last process in it. Belongs to the thread that made it.
#pragma once

#include <functional>
#include <string>

#include "daemon/base/unique_fd.h"
#include "tests/bench/socket_wire.h"

namespace netmsg::bench {

enum class Side : unsigned { kA, kB };

class Network {
 public:
  Network();

  // For the report: what is between the two.
  const std::string& words() const { return words_; }
  const char* address(Side side) const;
  // Runs `work` there: sockets that it opens and processes that it starts are there.
  void at(Side side, const std::function<void()>& work) const;
  // A connection from A to B.
  SocketPair tcp_pair() const;

 private:
  void join_sides() const;
  bool apart() const { return static_cast<bool>(sides_[0]); }

  base::UniqueFd home_;      // the namespace this program was started in
  base::UniqueFd sides_[2];  // null: both on loopback
  std::string words_;
};

}  // namespace netmsg::bench
