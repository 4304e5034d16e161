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
    ports_.push_back({.home = home});
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
}

void Ledger::crashed(HostIndex host) {
  for (PortFacts& facts : ports_) {
    if (facts.home != host || !facts.port) continue;
    by_address_.erase(facts.port.get());
    facts.port = {};
  }
}

void Ledger::fenced(HostIndex a, HostIndex b) {
  fences_[slot(a, b)] = ++clock_;
  if (!fences_expected_)
    story_.accuse("S4", host_name(a) + " has lost the session with " + host_name(b) + ", nothing is broken");
}

std::uint32_t Ledger::begin(MessageFacts facts) {
  facts.begun = clock_;
  const std::uint32_t id = facts.sender * kLane + sent_[facts.sender]++ % kLane;
  messages_.insert_or_assign(id, std::move(facts));
  return id;
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
  if (dead(facts.to)) return true;
  return std::any_of(facts.body.begin(), facts.body.end(), [&](const MessageFacts::Rights& rights) {
    return rights.receive && rights.port != 0 && (port(rights.port).restless || port(facts.to).restless);
  });
}

bool Ledger::may_be_lost(const MessageFacts& facts) {
  const std::uint32_t way = bit(facts.from) | port(facts.to).homes;
  return may_vanish(facts) || fenced_since(facts.begun, way) || lost_since(facts.begun, way) ||
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
  return !fenced_since(answer.watch->since, way) && !has_strangers(way);
}

void Ledger::expect_all_answered() {
  for (const PortFacts& facts : ports_) {
    if (!facts.port || facts.port->dead() || !facts.born) continue;
    if (missed_no_senders(facts))
      story_.accuse("I5", "a port of " + host_name(facts.home) + " has not heard of a port without senders");
    if (facts.accepted_due != 0) {
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
