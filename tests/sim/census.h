// SPDX-License-Identifier: Apache-2.0
// The rights of the whole world, as no single host can count them: the tables of both sides of each session, and the
// frames under way between them. After each event the sessions of the host where it happened are counted again: nobody
// else's tables have changed.
//
// A session is counted while both sides have it, whatever its streams do: what one keeps beyond what the other one has
// applied is under way. For each port (I2):
//   send:       granted at the home = received at the holder + units under way to it + units in Releases under way back
//   send-once:  units at the home = rights at the holder + units under way to it + rights under way home
// and each use of a send unit that is under way home comes before the Release of the last one (R4); a dead port's Died
// is under way to each holder (N2); nobody has more messages under way than the port's queue has ever had room for, but
// for forced ones (C1); a holder has no units without a right to show for them (I5); when all that both have said is
// acknowledged, the holder sees the room that there is (C1).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/uid_wire.h"
#include "tests/sim/coverage.h"
#include "tests/sim/daemon.h"

namespace netmsg::sim {

class Census {
 public:
  using Daemons = std::vector<std::unique_ptr<Daemon>>;  // null: down

  Census(const Daemons& daemons, Ledger& ledger, Story& story, Coverage& coverage)
      : daemons_(daemons), ledger_(ledger), story_(story), coverage_(coverage), sessions_(daemons.size()) {}

  // An event has happened at this host (or it is down now).
  void recount(HostIndex host);
  // Nothing is under way anywhere: everybody again, ports that travel too.
  void recount_at_rest();
  // Nothing is under way: each port that lives is in a task's hands, or in a message queued at one that is (I13: else it
  // would be in its own queue, by way of others maybe, and nobody could ever end it).
  void expect_all_reachable();
  // What a host has applied of another one's frames, in the session that it has with it.
  struct Progress {
    std::uint64_t nonce;
    proxy::FrameNumber applied;
  };
  std::optional<Progress> progress(HostIndex at, HostIndex from) const;
  static std::string words(const proxy::PortUid& uid);
  // Nothing is under way, all clients are gone: nothing may be left but the name services' units.
  void expect_nothing_left();

 private:
  struct Unit {
    std::uint64_t send = 0;
    std::uint64_t send_once = 0;
    std::uint32_t room = 0;
    const ipc::Port* port = nullptr;
  };
  using Units = std::map<proxy::PortUid, Unit>;
  struct Session {
    HostIndex peer;
    std::uint64_t nonce;
    proxy::FrameNumber applied;
    std::vector<v1::Frame> kept;
    std::size_t waiting;     // messages, to be appended
    std::size_t unfinished;  // transfers, groups, forced messages
    Units exports;
    Units proxies;
  };
  // What is under way.
  struct Coming {
    std::uint64_t send = 0;       // units to the holder
    std::uint64_t send_once = 0;  // to the holder, or rights home
    std::uint64_t released = 0;
    std::uint64_t messages = 0;  // to a send right
    bool died = false;
  };
  using ComingByPort = std::map<proxy::PortUid, Coming>;

  void read(HostIndex host);
  bool moves(HostIndex home, const proxy::PortUid& uid) const;
  bool gave_up_paths(HostIndex home, HostIndex holder, PortId port) const;
  bool lives_elsewhere(HostIndex holder, HostIndex teller, const proxy::PortUid& uid) const;
  void see_departure(HostIndex host, HostIndex next, const v1::Move& move, const proxy::Ends& ends);
  void expect_one_home(HostIndex host, const proxy::PortUid& uid);
  static void for_each_coming(const Session& from, const Session& to,
                              const std::function<void(const v1::Frame&)>& visit);
  const Session* other_side(HostIndex host, const Session& session) const;
  void compare(HostIndex home, const Session& at_home, const Session& at_holder);
  void compare(HostIndex home, const proxy::PortUid& uid, const Session& at_home, const Session& at_holder,
               const Coming& coming);
  void cover(HostIndex home, const proxy::PortUid& uid, const Session& at_home, const Session& at_holder,
             const Unit& granted, const Unit& received, const Coming& coming);
  void see_to_holder(const v1::Frame& frame, const proxy::Ends& ends, ComingByPort& coming) const;
  void see_to_home(HostIndex home, const v1::Frame& frame, const proxy::Ends& ends, const Session& at_home,
                   ComingByPort& coming);
  void see_use(HostIndex home, const proxy::PortUid& uid, std::uint32_t type, const Session& at_home,
               ComingByPort& coming);
  void accuse(const char* invariant, HostIndex home, HostIndex holder, const proxy::PortUid& uid,
              const std::string& what);

  const Daemons& daemons_;
  Ledger& ledger_;
  Story& story_;
  Coverage& coverage_;
  std::vector<std::vector<Session>> sessions_;
  bool at_rest_ = false;
};

}  // namespace netmsg::sim
