// SPDX-License-Identifier: Apache-2.0
// A world so small that everything that can happen in it can be tried: a few daemons with one program each, ports with
// their holders, and a number of acts, cuts and crashes. What can happen next is a list of choices in a fixed order:
// a parcel that arrives (of each stream, in any order between streams), an act of a program, a fault, time that passes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/stage.h"

namespace netmsg::sim {

// What is to be tried.
struct Scope {
  const char* name;
  const char* what;
  unsigned hosts;
  unsigned
      ports;  // port i is made on host i; each host that has none holds a send right to each of them, and so do
              // all if each has one or ports move
  unsigned acts;  // of all programs together
  unsigned cuts;
  unsigned crashes;
  unsigned ticks;  // of the daemon whose deadline is next
  bool moves;      // receive rights go to other hosts
};
std::span<const Scope> scopes();
const Scope* find_scope(const std::string& name);

class SmallWorld {
 public:
  SmallWorld(const Scope& scope, bool aloud);

  // How many choices there are now; none: nothing is left to happen.
  std::size_t choices();
  void take(std::size_t choice);
  // Equal: what can still happen is the same.
  std::uint64_t digest();
  // Peace, as for every world.
  void finish() { stage_.finish(); }

  std::uint64_t events() const { return stage_.events(); }
  const std::optional<std::string>& verdict() { return stage_.story().verdict(); }

 private:
  enum class Kind { kParcel, kSend, kReceive, kDrop, kDestroy, kTick, kSleep, kCut, kCrash, kStart };
  struct Choice {
    Kind kind;
    HostIndex host = 0;
    HostIndex other = 0;
    proxy::StreamId stream = 0;
    Offer to = {};
    Offer offer = {};
  };

  void set_up();
  void give(HostIndex from, HostIndex to, Name port);
  void run_until_quiet();
  void find_choices();
  void find_acts(HostIndex host);
  void find_sends(HostIndex host, const Held& to, const std::vector<Held>& held);
  void find_faults();
  void act(const Choice& choice);
  void spend(Kind kind);
  Client& client(HostIndex host) { return *stage_.daemon(host)->clients().front(); }
  bool has_client(HostIndex host) {
    return stage_.daemon(host) != nullptr && !stage_.daemon(host)->clients().empty();
  }

  Stage stage_;
  Scope left_;
  bool sleeps_;
  std::vector<Choice> choices_;
};

}  // namespace netmsg::sim
