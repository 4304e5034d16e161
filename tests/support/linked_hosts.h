// SPDX-License-Identifier: Apache-2.0
// Real daemons, each with a session with each other one over a link that can have faults. The earlier ones dial
// the later ones.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fault_link.h"
#include "tests/support/host.h"

namespace netmsg::test {

class LinkedHosts {
 public:
  explicit LinkedHosts(const std::vector<std::string>& names, const std::vector<std::string>& options = {});

  Host& operator[](std::size_t index) { return *hosts_[index]; }
  std::size_t size() const { return hosts_.size(); }
  // All have a session with all.
  bool connected() const;
  // "" when all have come to rest and balance.
  std::string balanced() const;

  // The link of two, and one way of it.
  FaultLink& link(std::size_t one, std::size_t other);
  void hold(std::size_t from, std::size_t to) { link(from, to).hold(way(from, to)); }
  static FaultLink::Way way(std::size_t from, std::size_t to) {
    return from < to ? FaultLink::Way::kThere : FaultLink::Way::kBack;
  }
  void heal();

 private:
  std::map<std::pair<std::size_t, std::size_t>, std::unique_ptr<FaultLink>> links_;  // dialer, listener
  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace netmsg::test
