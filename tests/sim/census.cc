// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/census.h"

#include <algorithm>
#include <set>

#include "proxy/hash.h"

namespace netmsg::sim {

using proxy::PortUid;

namespace {

// In a frame between the two; `ends` as its receiver sees them.
PortUid uid_of(const proxy::Ends& ends, const v1::Uid& wire) {
  PortUid uid;
  (void)proxy::read_uid(ends, wire, uid);
  return uid;
}

HostIndex host_of(const proxy::Origin& origin) {
  return static_cast<HostIndex>(origin.node.bytes[0] - 1);
}

}  // namespace

void Census::recount(HostIndex host) {
  read(host);
  for (const Session& mine : sessions_[host]) {
    const Session* theirs = other_side(host, mine);
    if (theirs == nullptr) continue;
    compare(host, mine, *theirs);
    compare(mine.peer, *theirs, mine);
  }
}

void Census::recount_at_rest() {
  at_rest_ = true;
  for (HostIndex host = 0; host < sessions_.size(); ++host) recount(host);
  at_rest_ = false;
}

// It is on its way to another home or was a short time ago: only at rest do counts of two hosts have to agree.
bool Census::moves(HostIndex home, const PortUid& uid) const {
  const PortId port = ledger_.find(uid);
  if (!ledger_.has_moved(port)) return false;
  const std::optional<proxy::PortRow> row = daemons_[home]->link().port_row(uid);
  return !row || row->port == nullptr || row->port->remote() || row->undrained;
}

// A new home tells who has followed to it, or may do so, that the port is dead if that one's old path was lost.
bool Census::gave_up_paths(HostIndex home, HostIndex holder, PortId port) const {
  return ledger_.has_moved(port) &&
         ledger_.fenced_since(0, bit(home) | bit(holder) | ledger_.port(port).homes);
}

// Its proxy lives by another session than that one, which tells it of the end.
bool Census::lives_elsewhere(HostIndex holder, HostIndex teller, const PortUid& uid) const {
  const std::vector<Session>& all = sessions_[holder];
  return std::any_of(all.begin(), all.end(), [&](const Session& session) {
    return session.peer != teller && session.proxies.count(uid) != 0;
  });
}

void Census::see_departure(HostIndex host, HostIndex next, const v1::Move& move, const proxy::Ends& ends) {
  const PortUid uid = uid_of(ends, move.port());
  ledger_.departs(host, next, uid,
                  [&](const ipc::Port& port) { return daemons_[host]->link().uid_of(port) == uid; });
}

// I1, as far as somebody has units of the port.
void Census::expect_one_home(HostIndex host, const PortUid& uid) {
  for (HostIndex other = 0; other < sessions_.size(); ++other) {
    if (other == host) continue;
    for (const Session& session : sessions_[other]) {
      const auto unit = session.exports.find(uid);
      if (unit != session.exports.end() && !unit->second.port->remote() && !unit->second.port->dead())
        accuse("I1", host, other, uid, "the port is at home at both");
    }
  }
}

void Census::read(HostIndex host) {
  sessions_[host].clear();
  if (!daemons_[host]) return;
  Daemon& daemon = *daemons_[host];
  for (proxy::SessionRow& row : daemon.link().open_sessions()) {
    Session session{daemon.host_of_peer(row.peer),
                    row.nonce,
                    row.applied,
                    std::move(row.kept),
                    row.waiting,
                    row.unfinished,
                    {},
                    {}};
    for (const v1::Frame& frame : session.kept) {
      if (frame.has_move() && daemons_[session.peer])
        see_departure(host, session.peer, frame.move(), {daemons_[session.peer]->origin(), daemon.origin()});
    }
    for (const proxy::UnitRow& unit : row.units) {
      const bool ours = unit.side == proxy::UnitRow::Side::kExport;
      (ours ? session.exports : session.proxies)[unit.uid] = {unit.send, unit.send_once, unit.room,
                                                              unit.port};
      if (ours && !unit.port->remote()) {
        expect_one_home(host, unit.uid);
        ledger_.know(host, const_cast<ipc::Port&>(*unit.port), unit.uid);
      } else if (!ours && (unit.send > 0) != (unit.port->srights() > 0)) {
        accuse("I5", session.peer, host, unit.uid,
               std::to_string(unit.send) + " units for " + std::to_string(unit.port->srights()) +
                   " send rights");
      }
    }
    sessions_[host].push_back(std::move(session));
  }
}

// Nobody, if that has fenced the session already, or does not know of it yet.
const Census::Session* Census::other_side(HostIndex host, const Session& session) const {
  for (const Session& theirs : sessions_[session.peer]) {
    if (theirs.peer == host && theirs.nonce == session.nonce) return &theirs;
  }
  return nullptr;
}

void Census::for_each_coming(const Session& from, const Session& to,
                             const std::function<void(const v1::Frame&)>& visit) {
  for (const v1::Frame& frame : from.kept) {
    if (frame.number() > to.applied) visit(frame);
  }
}

void Census::compare(HostIndex home, const Session& at_home, const Session& at_holder) {
  const proxy::Origin ours = daemons_[home]->origin();
  const proxy::Origin theirs = daemons_[at_home.peer]->origin();
  ComingByPort coming;
  for_each_coming(at_home, at_holder, [&](const v1::Frame& frame) {
    see_to_holder(frame, {theirs, ours}, coming);
  });
  for_each_coming(at_holder, at_home, [&](const v1::Frame& frame) {
    see_to_home(home, frame, {ours, theirs}, at_home, coming);
  });
  std::set<PortUid> all;
  for (const auto& [uid, unit] : at_home.exports) all.insert(uid);
  for (const auto& [uid, unit] : at_holder.proxies) all.insert(uid);
  for (const auto& [uid, under_way] : coming) all.insert(uid);
  for (const PortUid& uid : all) compare(home, uid, at_home, at_holder, coming[uid]);
}

void Census::compare(HostIndex home, const PortUid& uid, const Session& at_home, const Session& at_holder,
                     const Coming& coming) {
  const auto find = [&uid](const Units& units) {
    const auto found = units.find(uid);
    return found == units.end() ? Unit{} : found->second;
  };
  const Unit granted = find(at_home.exports);
  const Unit received = find(at_holder.proxies);
  cover(home, uid, at_home, at_holder, granted, received, coming);
  const PortId port = ledger_.find(uid);
  if (port == 0)
    return;  // it has left its home in the step in which it got its uid, and nobody has seen it since
  const bool given_up = coming.died && gave_up_paths(home, at_home.peer, port);
  if (given_up && !lives_elsewhere(at_home.peer, home, uid)) ledger_.forsaken(at_home.peer, port);
  if (!at_rest_ && moves(home, uid)) return;
  if (ledger_.dead(port)) {
    if (received.port != nullptr && !coming.died) {
      accuse("N2", home, at_home.peer, uid, "the port is dead, the holder is not told");
    }
    return;
  }
  if (received.send + coming.send > 0 && ledger_.silent(port))
    accuse("I3", home, at_home.peer, uid, "no-senders was heard, there are send units");
  // Who follows a port without units is told that there is nothing behind its proxy (exchange 12, step 6).
  const bool has_units = received.send + received.send_once + coming.send + coming.send_once > 0;
  if (coming.died && !(ledger_.has_moved(port) && !has_units) && !given_up)
    accuse("N2", home, at_home.peer, uid, "the port lives, Died is under way");
  if (coming.died) return;  // whatever the holder has goes with it
  if (granted.send != received.send + coming.send + coming.released) {
    accuse("I2", home, at_home.peer, uid,
           "granted " + std::to_string(granted.send) + ", received " + std::to_string(received.send) +
               ", under way " + std::to_string(coming.send) + ", under way back " +
               std::to_string(coming.released));
  }
  const std::uint64_t seen = received.send_once + coming.send_once;
  if (granted.send_once != seen) {
    accuse("I2", home, at_home.peer, uid,
           "send-once units " + std::to_string(granted.send_once) + ", held " +
               std::to_string(received.send_once) + ", under way " + std::to_string(coming.send_once));
  }
  if (coming.messages > ledger_.port(port).limit_max) {
    accuse("C1", home, at_home.peer, uid, std::to_string(coming.messages) + " messages under way");
  }
  const bool quiet = at_home.kept.empty() && at_holder.kept.empty() && at_holder.waiting == 0;
  const bool settled = quiet && received.send > 0 && granted.send > 0;
  if (settled && received.room != granted.room) {
    accuse("C1", home, at_home.peer, uid,
           "the holder sees room for " + std::to_string(received.room) + ", there is " +
               std::to_string(granted.room));
  }
}

void Census::cover(HostIndex home, const PortUid& uid, const Session& at_home, const Session& at_holder,
                   const Unit& granted, const Unit& received, const Coming& coming) {
  const auto room = [](const Unit& unit) { return unit.port == nullptr ? 0 : 1 + few(unit.port->room()); };
  std::uint64_t state = coming.died ? 1 : 0;
  for (const std::uint64_t count : {granted.send, granted.send_once, received.send, received.send_once,
                                    coming.send, coming.send_once, coming.released, coming.messages,
                                    std::uint64_t{at_home.kept.size()}, std::uint64_t{at_holder.kept.size()}})
    state = state * 3 + few(count);
  state = (state * 4 + room(granted)) * 4 + room(received);
  coverage_.see(proxy::mix_in(at_home.nonce * 8 + home, proxy::digest_of(uid)), state);
}

void Census::see_to_holder(const v1::Frame& frame, const proxy::Ends& ends, ComingByPort& coming) const {
  if (frame.has_died()) coming[uid_of(ends, frame.died().port())].died = true;
  const auto see_unit = [&](const v1::Uid& uid, std::uint32_t type) {
    Coming& port = coming[uid_of(ends, uid)];
    ++(type == MACH_MSG_TYPE_PORT_SEND_ONCE ? port.send_once : port.send);
  };
  if (frame.has_granted()) see_unit(frame.granted().port(), frame.granted().type());
  const auto see = [&](const v1::Right& right) {
    if (right.value() == v1::Right::GRANTED) see_unit(right.port(), right.type());
  };
  if (frame.has_move()) see(frame.move().no_senders()), see(frame.move().port_destroyed());
  if (!frame.has_message()) return;
  see(frame.message().reply());
  for (const v1::Right& right : frame.message().rights()) see(right);
}

void Census::see_to_home(HostIndex home, const v1::Frame& frame, const proxy::Ends& ends,
                         const Session& at_home, ComingByPort& coming) {
  if (frame.has_release()) coming[uid_of(ends, frame.release().port())].released += frame.release().units();
  if (frame.has_grant()) {
    see_use(home, uid_of(ends, frame.grant().port()), frame.grant().type(), at_home, coming);
  }
  const auto see = [&](const v1::Right& right) {
    if (right.value() == v1::Right::HOME)
      see_use(home, uid_of(ends, right.port()), right.type(), at_home, coming);
  };
  if (frame.has_move()) see(frame.move().no_senders()), see(frame.move().port_destroyed());
  if (!frame.has_message()) return;
  const v1::Message& message = frame.message();
  const PortUid destination = uid_of(ends, message.destination());
  see_use(home, destination, message.destination_type(), at_home, coming);
  if (message.destination_type() == MACH_MSG_TYPE_PORT_SEND && !message.forced())
    ++coming[destination].messages;
  see(message.reply());
  for (const v1::Right& right : message.rights()) see(right);
}

void Census::see_use(HostIndex home, const PortUid& uid, std::uint32_t type, const Session& at_home,
                     ComingByPort& coming) {
  Coming& port = coming[uid];
  if (type == MACH_MSG_TYPE_PORT_SEND_ONCE) {
    ++port.send_once;
    return;
  }
  const auto unit = at_home.exports.find(uid);
  const PortId id = ledger_.find(uid);
  if (id == 0 || ledger_.dead(id) || moves(home, uid)) return;
  if (unit == at_home.exports.end() || unit->second.send <= port.released) {
    accuse("R4", home, at_home.peer, uid, "a use is under way behind the Release of the last unit");
  }
}

std::optional<Census::Progress> Census::progress(HostIndex at, HostIndex from) const {
  for (const Session& session : sessions_[at]) {
    if (session.peer == from) return Progress{session.nonce, session.applied};
  }
  return std::nullopt;
}

void Census::expect_all_reachable() {
  for (HostIndex host = 0; host < sessions_.size(); ++host) {
    const std::set<const ipc::Port*> reached = daemons_[host]->reachable();
    ledger_.for_each_at(host, [&](PortId, const ipc::Port& port) {
      if (reached.count(&port) == 0)
        story_.accuse("I13",
                      "a port of " + host_name(host) + " lives, and no task can get its receive right");
    });
  }
}

void Census::expect_nothing_left() {
  for (HostIndex host = 0; host < sessions_.size(); ++host) {
    for (const Session& session : sessions_[host]) {
      if (session.waiting + session.unfinished > 0)
        story_.accuse("I5",
                      host_name(host) + " has messages for " + host_name(session.peer) + " that never end");
      for (const Units* units : {&session.exports, &session.proxies}) {
        for (const auto& [uid, unit] : *units) {
          if (uid.serial != proxy::kNameServiceSerial)
            accuse("I5", host, session.peer, uid, "is left in a table at the end");
        }
      }
    }
  }
}

std::string Census::words(const PortUid& uid) {
  return host_name(host_of(uid.origin)) + "'s port " + std::to_string(uid.serial);
}

void Census::accuse(const char* invariant, HostIndex home, HostIndex holder, const PortUid& uid,
                    const std::string& what) {
  story_.accuse(invariant, words(uid) + ", " + host_name(home) + " and " + host_name(holder) + ": " + what);
}

}  // namespace netmsg::sim
