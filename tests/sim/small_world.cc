// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/small_world.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "daemon/ipc/port.h"
#include "daemon/ipc/space.h"
#include "proxy/hash.h"

namespace netmsg::sim {

using ipc::EntryState;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr Scope kScopes[] = {
    // name, what, hosts, ports, acts, cuts, crashes, ticks, moves
    {"pair", "two daemons, a port, a holder", 2, 1, 7, 0, 0, 0, false},
    {"pair-cuts", "the same, the stream breaks twice", 2, 1, 2, 2, 0, 4, false},
    {"pair-crash", "the same, it breaks once, one of them crashes", 2, 1, 2, 1, 1, 4, false},
    {"two-ports", "two daemons, each has a port", 2, 2, 3, 0, 0, 0, false},
    {"third", "three daemons, two ports", 3, 2, 3, 0, 0, 0, false},
    {"third-cuts", "the same, streams break twice", 3, 2, 2, 2, 0, 2, false},
    {"third-crash", "the same, one breaks, one of them crashes", 3, 2, 2, 1, 1, 2, false},
    {"move-two", "two daemons, each has a port that both hold, whose receive rights travel", 2, 2, 3, 0, 0, 0,
     true},
    {"move", "three daemons, two ports that all hold, whose receive rights travel", 3, 2, 2, 0, 0, 0, true},
    {"move-cuts", "the same, streams break twice", 3, 2, 2, 2, 0, 2, true},
    {"move-crash", "the same, one breaks, one of them crashes", 3, 2, 2, 1, 1, 2, true},
};

constexpr std::size_t kRightsMax = 4;  // names of one program

bool has_receive(const Held& held) {
  return held.state == EntryState::kReceive || held.state == EntryState::kReceiveSend;
}
bool has_send(const Held& held) {
  return held.state == EntryState::kSend || held.state == EntryState::kReceiveSend;
}

}  // namespace

std::span<const Scope> scopes() {
  return kScopes;
}

const Scope* find_scope(const std::string& name) {
  const auto found = std::find_if(std::begin(kScopes), std::end(kScopes),
                                  [&](const Scope& each) { return each.name == name; });
  return found == std::end(kScopes) ? nullptr : found;
}

SmallWorld::SmallWorld(const Scope& scope, bool aloud)
    : stage_(scope.hosts, {}, aloud), left_(scope), sleeps_(scope.cuts + scope.crashes > 0) {
  Stage::Terms terms;
  terms.dials.assign(scope.hosts, std::vector<bool>(scope.hosts));
  for (HostIndex a = 0; a < scope.hosts; ++a) std::fill_n(terms.dials[a].begin(), a, true);
  stage_.open(std::move(terms));
  set_up();
  if (sleeps_) stage_.ledger().expect_fences();
}

void SmallWorld::set_up() {
  run_until_quiet();
  for (HostIndex host = 0; host < left_.hosts; ++host) stage_.daemon(host)->add_client(host + 1);
  for (HostIndex home = 0; home < left_.ports; ++home) {
    const Name port = client(home).allocate(2);
    for (HostIndex holder = 0; holder < left_.hosts; ++holder) {
      const bool alone = (left_.moves || left_.hosts == left_.ports) && holder != home;
      if (holder >= left_.ports || alone) give(home, holder, port);
    }
    client(home).watch_senders(port, port);
    stage_.happened(home);
  }
  run_until_quiet();
}

// By way of the other daemon's name service.
void SmallWorld::give(HostIndex from, HostIndex to, Name port) {
  Client& giver = client(from);
  const std::vector<Held> before = giver.held();
  stage_.daemon(from)->reach(to, giver);
  for (const Held& each : giver.held()) {
    const bool old =
        std::any_of(before.begin(), before.end(), [&](const Held& other) { return other.name == each.name; });
    if (old) continue;
    giver.send({each.name, MACH_MSG_TYPE_MOVE_SEND}, {}, {{port, MACH_MSG_TYPE_MAKE_SEND}}, {});
  }
  stage_.happened(from);
  run_until_quiet();
  stage_.daemon(to)->serve(&client(to));
  stage_.happened(to);
  run_until_quiet();
}

void SmallWorld::run_until_quiet() {
  const Time until = stage_.now() + seconds(1);
  while (stage_.happen(until)) {
  }
}

// --- choices ---

std::size_t SmallWorld::choices() {
  if (choices_.empty()) find_choices();
  return choices_.size();
}

void SmallWorld::find_choices() {
  for (const proxy::StreamId stream : stage_.network().coming())
    choices_.push_back({.kind = Kind::kParcel, .stream = stream});
  for (HostIndex host = 0; host < stage_.hosts(); ++host) {
    if (has_client(host)) find_acts(host);
  }
  find_faults();
}

// Of one program: take a message out; send one of its rights, or nothing, to one of them; give one up; end a port.
void SmallWorld::find_acts(HostIndex host) {
  const std::vector<Held> held = client(host).held();
  for (const Held& each : held) {
    const ipc::Port* port = client(host).space().find(each.name)->port();
    if (has_receive(each) && !port->queue.empty())
      choices_.push_back({.kind = Kind::kReceive, .host = host, .to = {each.name}});
  }
  if (left_.acts == 0) return;
  for (const Held& each : held) {
    if (has_send(each) || each.state == EntryState::kSendOnce) find_sends(host, each, held);
    const Kind end = has_receive(each) ? Kind::kDestroy : Kind::kDrop;
    choices_.push_back({.kind = end, .host = host, .to = {each.name}});
  }
}

void SmallWorld::find_sends(HostIndex host, const Held& to, const std::vector<Held>& held) {
  const auto add = [&](unsigned by, Offer offer = {}) {
    choices_.push_back({.kind = Kind::kSend, .host = host, .to = {to.name, by}, .offer = offer});
  };
  if (to.state == EntryState::kSendOnce) return add(MACH_MSG_TYPE_MOVE_SEND_ONCE);
  add(MACH_MSG_TYPE_MOVE_SEND);
  for (const Held& each : held) {
    if (each.state == EntryState::kSendOnce)
      add(MACH_MSG_TYPE_COPY_SEND, {each.name, MACH_MSG_TYPE_MOVE_SEND_ONCE});
    if (has_send(each)) add(MACH_MSG_TYPE_COPY_SEND, {each.name, MACH_MSG_TYPE_MOVE_SEND});
    if (!has_receive(each)) continue;
    if (left_.moves && each.name != to.name)
      add(MACH_MSG_TYPE_COPY_SEND, {each.name, MACH_MSG_TYPE_MOVE_RECEIVE});
    if (held.size() > kRightsMax) continue;
    add(MACH_MSG_TYPE_COPY_SEND, {each.name, MACH_MSG_TYPE_MAKE_SEND});
    add(MACH_MSG_TYPE_COPY_SEND, {each.name, MACH_MSG_TYPE_MAKE_SEND_ONCE});
  }
}

void SmallWorld::find_faults() {
  std::optional<HostIndex> next;
  for (HostIndex host = 0; host < stage_.hosts(); ++host) {
    if (stage_.daemon(host) == nullptr) {
      choices_.push_back({.kind = Kind::kStart, .host = host});
      continue;
    }
    if (!next || stage_.due(host) < stage_.due(*next)) next = host;
    if (left_.crashes > 0) choices_.push_back({.kind = Kind::kCrash, .host = host});
    for (HostIndex other = 0; left_.cuts > 0 && other < host; ++other) {
      if (stage_.network().connected(host, other))
        choices_.push_back({.kind = Kind::kCut, .host = host, .other = other});
    }
  }
  if (left_.ticks > 0 && next) choices_.push_back({.kind = Kind::kTick, .host = *next});
  if (sleeps_ && left_.cuts + left_.crashes == 0) choices_.push_back({.kind = Kind::kSleep});
}

// --- what is chosen ---

void SmallWorld::take(std::size_t index) {
  const Choice choice = choices_.at(index);
  choices_.clear();
  spend(choice.kind);
  switch (choice.kind) {
    case Kind::kParcel:
      return stage_.deliver(choice.stream);
    case Kind::kTick:
      return stage_.tick(choice.host);
    case Kind::kSleep:
      for (const Time until = stage_.now() + seconds(13); stage_.happen(until);) {
      }
      return;
    case Kind::kCut:
      return stage_.network().cut(choice.host, choice.other, Network::News::kBoth);
    case Kind::kCrash:
      return stage_.crash(choice.host, true, hours(1));
    case Kind::kStart:
      return stage_.start(choice.host);
    default:
      act(choice);
      stage_.happened(choice.host);
      stage_.count_event();
  }
}

void SmallWorld::act(const Choice& choice) {
  Client& who = client(choice.host);
  switch (choice.kind) {
    case Kind::kReceive:
      who.receive(choice.to.name);
      return;
    case Kind::kDrop:
      return who.deallocate(choice.to.name);
    case Kind::kDestroy:
      return who.destroy(choice.to.name);
    default: {
      std::vector<Offer> body;
      if (choice.offer.name != 0) body.push_back(choice.offer);
      return who.send(choice.to, {}, body, {});
    }
  }
}

void SmallWorld::spend(Kind kind) {
  if (kind == Kind::kSend || kind == Kind::kDrop || kind == Kind::kDestroy) --left_.acts;
  if (kind == Kind::kCut) --left_.cuts;
  if (kind == Kind::kCrash) --left_.crashes;
  if (kind == Kind::kTick) --left_.ticks;
  if (kind == Kind::kSleep) sleeps_ = false;
}

std::uint64_t SmallWorld::digest() {
  std::uint64_t digest = stage_.network().digest();
  const auto add = [&](std::uint64_t value) { digest = proxy::mix_in(digest, value); };
  for (HostIndex host = 0; host < stage_.hosts(); ++host) {
    Daemon* daemon = stage_.daemon(host);
    if (daemon == nullptr) {
      add(0);
      continue;
    }
    add(daemon->digest());
    add(daemon->origin().incarnation);
    for (const proxy::PeerRow& row : daemon->link().peers()) {
      add(std::hash<std::string>()(row.state));
      add(row.unacknowledged);
    }
  }
  for (const unsigned left : {left_.acts, left_.cuts, left_.crashes, left_.ticks, unsigned{sleeps_}})
    add(left);
  return digest;
}

}  // namespace netmsg::sim
