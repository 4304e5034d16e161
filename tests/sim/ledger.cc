// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/ledger.h"

#include <algorithm>

namespace netmsg::sim {

PortId Ledger::know(HostIndex home, ipc::Port& port, const std::optional<proxy::PortUid>& uid) {
  const auto at = by_address_.find(&port);
  const PortId here = at == by_address_.end() ? 0 : at->second;
  const PortId called = uid ? find(*uid) : 0;
  PortId id = called != 0 ? called : here;
  if (called != 0 && here != 0 && called != here)
    story_.accuse("I9", host_name(home) + " calls two ports by serial " + std::to_string(uid->serial));
  if (id == 0) {
    // One that comes from elsewhere as a new port (PortFacts::born) may have been left to an heir there.
    ports_.push_back({.home = home, .restless = static_cast<bool>(port.port_destroyed_request)});
    id = static_cast<PortId>(ports_.size());
  }
  if (uid && called == 0) by_uid_[*uid] = id;
  settle(id, home, port);
  return id;
}

// Where it is at home now.
void Ledger::settle(PortId id, HostIndex home, ipc::Port& port) {
  PortFacts& facts = ports_[id - 1];
  if (facts.port.get() == &port) return;
  if (facts.port) by_address_.erase(facts.port.get());
  facts.port = ipc::PortRef(&port);
  facts.home = home;
  facts.homes |= bit(home);
  by_address_[&port] = id;
}

PortId Ledger::find(const proxy::PortUid& uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? 0 : found->second;
}

void Ledger::departs(HostIndex home, HostIndex next, const proxy::PortUid& uid,
                     const std::function<bool(const ipc::Port&)>& is_it) {
  for (PortId id = static_cast<PortId>(ports_.size()); id > 0 && by_uid_.count(uid) == 0; --id) {
    const PortFacts& facts = ports_[id - 1];
    if (facts.home == home && facts.port && is_it(*facts.port)) by_uid_[uid] = id;
  }
  if (const PortId id = find(uid)) port(id).homes |= bit(next);
}

bool Ledger::since(std::uint64_t then, std::uint32_t hosts, const std::vector<std::uint64_t>& times) const {
  for (HostIndex a = 0; a < hosts_; ++a) {
    for (HostIndex b = a + 1; b < hosts_; ++b) {
      if ((hosts & bit(a)) != 0 && (hosts & bit(b)) != 0 && times[slot(a, b)] > then) return true;
    }
  }
  return false;
}

bool Ledger::apart_since(std::uint64_t then, std::uint32_t hosts) const {
  return since(then, hosts, absences_) || meetings_.someone_is_apart(hosts);
}

bool Ledger::forsaken_since(std::uint64_t then, HostIndex host, PortId id) const {
  const auto found = forsaken_.find({host, id});
  return found != forsaken_.end() && found->second > then;
}

bool Ledger::dead(PortId id) const {
  const PortFacts& facts = ports_[id - 1];
  return !facts.port || facts.port->dead();
}

bool Ledger::has_moved(PortId id) const {
  const PortFacts& facts = ports_[id - 1];
  return (facts.homes & (facts.homes - 1)) != 0 || (facts.port && facts.port->remote());
}

bool Ledger::under_way(PortId id) const {
  const PortFacts& facts = ports_[id - 1];
  return facts.port && facts.port->remote();
}

void Ledger::for_each_at(HostIndex home, const std::function<void(PortId, const ipc::Port&)>& visit) const {
  for (PortId id = 1; id <= ports_.size(); ++id) {
    const PortFacts& facts = ports_[id - 1];
    if (facts.home == home && !dead(id) && !facts.port->remote()) visit(id, *facts.port);
  }
}

bool Ledger::silent(PortId id) const {
  const PortFacts& facts = ports_[id - 1];
  return !dead(id) && facts.silent_at && *facts.silent_at == facts.port->mscount;
}

void Ledger::watch(PortId of, PortId answer) {
  for (PortFacts& facts : ports_) {
    if (facts.watch && facts.watch->of == of) facts.watch->replaced = true;
  }
  port(answer).watch = {of, port(of).moves, clock_, false};
}

void Ledger::moves(PortId id) {
  ++port(id).moves;
  port(id).silent_at.reset();
}

void Ledger::inherited(PortId id, PortId heir) {
  port(id).restless = true;
  ++port(heir).once_silent_max;
  moves(id);
  heirs_[id].insert(heir);
  on_its_way(id, heir);
}

void Ledger::crashed(HostIndex host) {
  for (PortFacts& facts : ports_) {
    if (facts.home != host || !facts.port) continue;
    by_address_.erase(facts.port.get());
    facts.port = {};
  }
}

void Ledger::opened(HostIndex here, HostIndex there) {
  if (meetings_.opened(here, there)) absences_[slot(here, there)] = ++clock_;
}

void Ledger::fenced(HostIndex here, HostIndex there) {
  meetings_.ended(here, there);
  fences_[slot(here, there)] = ++clock_;
  if (!fences_expected_)
    story_.accuse("S4",
                  host_name(here) + " has lost the session with " + host_name(there) + ", nothing is broken");
}

std::uint32_t Ledger::begin(MessageFacts facts) {
  facts.begun = clock_;
  const std::uint32_t id = facts.sender * kLane + sent_[facts.sender]++ % kLane;
  const MessageFacts& begun = messages_.insert_or_assign(id, std::move(facts)).first->second;
  for (const MessageFacts::Rights& rights : begun.body) {
    if (!rights.receive || rights.port == 0) continue;
    carriers_[rights.port].push_back(id);
    on_its_way(rights.port, begun.to);
  }
  return id;
}

// The last one closes the circle, but which one is destroyed for that is not said when they are on several hosts.
void Ledger::on_its_way(PortId what, PortId to) {
  const std::set<PortId> all = ends_in(to);
  if (all.count(what) == 0) return;
  for (const PortId port : all) {
    for (const std::uint32_t id : carriers_[port]) message(id).in_circle = true;
  }
}

// Itself, and each port that it is on its way into, and so on.
std::set<PortId> Ledger::ends_in(PortId port) const {
  std::set<PortId> found{port};
  std::vector<PortId> next{port};
  const auto add = [&](PortId each) {
    if (found.insert(each).second) next.push_back(each);
  };
  while (!next.empty()) {
    const PortId inside = next.back();
    next.pop_back();
    if (const auto heirs = heirs_.find(inside); heirs != heirs_.end())
      std::for_each(heirs->second.begin(), heirs->second.end(), add);
    const auto carriers = carriers_.find(inside);
    if (carriers == carriers_.end()) continue;
    for (const std::uint32_t id : carriers->second) {
      const MessageFacts& facts = messages_.at(id);
      if (facts.state == MessageFacts::State::kBegun || facts.state == MessageFacts::State::kAccepted)
        add(facts.to);
    }
  }
  return found;
}

void Ledger::accepted(std::uint32_t id) {
  MessageFacts& facts = message(id);
  if (facts.state != MessageFacts::State::kBegun) return;  // a local receiver was faster
  facts.state = MessageFacts::State::kAccepted;
  facts.order = next_order_++;
}

const MessageFacts& Ledger::received(std::uint32_t id, PortId at) {
  MessageFacts& facts = message(id);
  const std::string what = "message " + std::to_string(id);
  if (facts.state == MessageFacts::State::kReceived) story_.accuse("I7", what + " was received twice");
  if (facts.state == MessageFacts::State::kFailed)
    story_.accuse("I7", what + " was received though its send failed");
  if (facts.to != at && port(at).born)
    story_.accuse("I7", what + " was received from another port than it was sent to");
  facts.state = MessageFacts::State::kReceived;
  std::uint64_t& last = last_order_[{facts.sender, facts.to}];
  if (facts.order < last) story_.accuse("I6", what + " was overtaken by a later one of the same client");
  last = std::max(last, facts.order);
  return facts;
}

bool Ledger::may_vanish(const MessageFacts& facts) {
  // Of a port that left in the step in which it got its uid nobody can say which one it is, nor what that is on its way
  // into (schedule 22300 with five hosts and all faults).
  const bool may_be_in_circle =
      !port(facts.to).born && std::any_of(facts.body.begin(), facts.body.end(),
                                          [](const MessageFacts::Rights& rights) { return rights.receive; });
  return dead(facts.to) || under_way(facts.to) || facts.in_circle || may_be_in_circle;
}

bool Ledger::may_be_lost(const MessageFacts& facts) {
  const std::uint32_t way = bit(facts.from) | port(facts.to).homes;
  // Who cannot follow a port to its new home in time has no proxy any more, and what it had accepted goes with that.
  const bool stayed_behind = has_moved(facts.to) && apart_since(facts.begun, way);
  return may_vanish(facts) || stayed_behind || fenced_since(facts.begun, way) ||
         forsaken_since(facts.begun, facts.from, facts.to) || lost_since(facts.begun, way) ||
         has_strangers(way);
}

void Ledger::forced(std::uint32_t id, PortId told) {
  PortFacts& facts = port(told);
  ++facts.once_born;
  ++facts.accepted_due;
  facts.forced.push_back(id);
}

void Ledger::left_queue(PortId told) {
  PortFacts& facts = port(told);
  --facts.accepted_due;
  ++facts.accepted_heard;
  const auto left = std::count_if(facts.forced.begin(), facts.forced.end(), [&](std::uint32_t id) {
    return message(id).state == MessageFacts::State::kReceived || may_be_lost(message(id));
  });
  if (facts.born && facts.accepted_heard > static_cast<std::size_t>(left))
    story_.accuse("N3", "a message is said to have left its queue, and has not");
}

void Ledger::expect_all_received() {
  for (const auto& [id, facts] : messages_) {
    if (facts.state != MessageFacts::State::kAccepted || may_be_lost(facts)) continue;
    story_.accuse("I7", "message " + std::to_string(id) + " was accepted and never received");
  }
}

// Nobody can send to it any more, and who asked for that news has not had it, though nothing could have lost it.
bool Ledger::missed_no_senders(const PortFacts& answer) {
  if (!answer.watch || answer.watch->replaced || dead(answer.watch->of)) return false;
  const PortFacts& of = port(answer.watch->of);
  if (!of.born || of.restless || answer.restless || of.port->remote() || of.port->srights() > 0) return false;
  const std::uint32_t way = of.homes | answer.homes;
  const std::uint64_t since = answer.watch->since;
  return !fenced_since(since, way) && !lost_since(since, way) && !has_strangers(way);
}

// Who asks by a port that has moved on since is told by a send-once right of its host: with the session with the port's home,
// or if it could not follow the port there in time, that became a send-once notification. What tells him is a message, which a
// ceiling may destroy.
std::int64_t Ledger::lost_accepted(const PortFacts& told) const {
  return std::count_if(told.forced.begin(), told.forced.end(), [&](std::uint32_t id) {
    const MessageFacts& facts = messages_.at(id);
    const std::uint32_t way = bit(facts.from) | told.homes;
    return fenced_since(facts.begun, way) || lost_since(facts.begun, way) || apart_since(facts.begun, way);
  });
}

void Ledger::expect_all_answered() {
  for (const PortFacts& facts : ports_) {
    if (!facts.port || facts.port->dead() || !facts.born) continue;
    if (missed_no_senders(facts))
      story_.accuse("I5", "a port of " + host_name(facts.home) + " has not heard of a port without senders");
    if (facts.accepted_due > lost_accepted(facts)) {
      story_.accuse("I8", std::to_string(facts.accepted_due) +
                              " forced messages have left their queues, a port of " + host_name(facts.home) +
                              " was not told");
    }
    if (facts.once_unsure) continue;
    const std::uint64_t found = facts.once_heard + facts.port->sorights();
    if (found <= facts.once_born && found + facts.once_silent_max >= facts.once_born) continue;
    story_.accuse("I8", "a port of " + host_name(facts.home) + " has made " +
                            std::to_string(facts.once_born) + " send-once rights, heard of " +
                            std::to_string(facts.once_heard) + ", and has " +
                            std::to_string(facts.port->sorights()) + " left");
  }
}

}  // namespace netmsg::sim
