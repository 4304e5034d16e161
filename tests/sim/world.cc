// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>

namespace netmsg::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Time kPaces[] = {microseconds(200), milliseconds(2), milliseconds(20), milliseconds(300)};

// Ceilings that are met all the time.
proxy::PeerLimits tight() {
  proxy::PeerLimits limits;
  limits.exports = 8;
  limits.send_once_units = 6;
  limits.unacknowledged = 3000;
  limits.account.bytes = 2500;
  return limits;
}

Script::Manners manners(Random& random) {
  Script::Manners made;
  made.clients_max = 1 + random.below(3);
  made.ports_max = 2 + random.below(6);
  made.limit_max = random.one_in(4) ? 16 : 1 + random.below(5);
  made.payload_max = random.one_in(3) ? 1500 : 40;
  made.memory_max = random.one_in(3) ? 20'000 : 100;
  return made;
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed),
      story_(now_, options.aloud),
      ledger_(options.hosts, story_),
      network_(options.hosts, random_, now_, story_),
      daemons_(options.hosts),
      census_(daemons_, ledger_, story_),
      script_(random_, manners(random_), next_client_),
      limits_(options.faults == FaultSet::kAll && random_.one_in(3) ? tight() : proxy::PeerLimits{}),
      drift_max_(random_.one_in(2) ? 200 : 50'000),
      pace_(options.faults == FaultSet::kBlips ? Time(milliseconds(30)) : kPaces[random_.below(4)]),
      dials_(options.hosts, std::vector<bool>(options.hosts, true)),
      incarnations_(options.hosts, 1),
      back_(options.hosts),
      unsteady_(options.hosts),
      due_(options.hosts),
      next_fault_(random_.between(milliseconds(10), seconds(2))) {
  for (HostIndex a = 0; a < options.hosts; ++a) {
    for (HostIndex b = 0; b < a; ++b) {
      const unsigned who = random_.below(3);  // one of them, or both
      dials_[a][b] = who != 0;
      dials_[b][a] = who != 1;
    }
  }
  if (options.faults > FaultSet::kBlips) ledger_.expect_fences();
  for (HostIndex host = 0; host < options.hosts; ++host) start(host);
}

World::~World() {
  ledger_.expect_fences();
  for (HostIndex host = 0; host < daemons_.size(); ++host) {
    if (daemons_[host]) end(host, Time(0));
  }
}

std::optional<std::string> World::play() {
  while (events_ < options_.steps && !failed()) step();
  heal();
  come_to_rest("after the last fault");
  drain();
  come_to_rest("when all was received");
  if (!failed()) ledger_.expect_all_received();
  if (!failed()) ledger_.expect_all_answered();
  end_clients();
  come_to_rest("when all clients were gone");
  if (!failed()) census_.expect_nothing_left();
  return story_.verdict();
}

// --- hosts ---

void World::start(HostIndex host) {
  const int drift =
      static_cast<int>(random_.below(2 * static_cast<std::size_t>(drift_max_) + 1)) - drift_max_;
  const DaemonOptions options{host,
                              daemons_.size(),
                              incarnations_[host]++,
                              dials_[host],
                              limits_,
                              random_.between(seconds(0), seconds(100'000)),
                              drift,
                              options_.seed * 1000 + host};
  back_[host].reset();
  story_.tell(host, [&] { return "starts, incarnation " + std::to_string(options.incarnation); });
  daemons_[host] = std::make_unique<Daemon>(options, network_, now_, ledger_, story_);
  if (unsteady_[host]) stumbling_ = host, next_fault_ = now_ + random_.between(Time(0), milliseconds(200));
  unsteady_[host] = false;
  happened(host);
}

void World::end(HostIndex host, Time down_for) {
  daemons_[host]->stop();
  ledger_.crashed(host);
  daemons_[host].reset();
  back_[host] = now_ + down_for;
  due_[host].reset();
}

// --- faults ---

void World::cut(HostIndex a, HostIndex b, bool both) {
  story_.tell(a, [&] { return "CUT from " + host_name(b); });
  network_.cut(a, b, both ? Network::News::kBoth : Network::News::kOne);
}

void World::half_open(HostIndex a, HostIndex b) {
  story_.tell(a, [&] { return "HALF OPEN to " + host_name(b); });
  network_.cut(a, b, Network::News::kNobody);
}

void World::isolate(HostIndex a, HostIndex b, Time for_) {
  cut(a, b, true);
  network_.refuse(a, b, now_ + for_);
}

void World::stall(HostIndex from, HostIndex to, Time for_) {
  story_.tell(from, [&] { return "STALL towards " + host_name(to); });
  network_.stall(from, to, now_ + for_);
}

void World::slow_reader(HostIndex host, Time for_) {
  story_.tell(host, [&] { return "STOPS READING"; });
  for (HostIndex other = 0; other < daemons_.size(); ++other) {
    if (other != host) network_.stall(other, host, now_ + for_);
  }
}

void World::crash(HostIndex host, bool told, Time down_for) {
  if (!daemons_[host]) return;
  story_.tell(host, [&] { return told ? "CRASHES" : "CRASHES, silently"; });
  network_.crash(host, told);
  end(host, down_for);
  census_.recount(host);
}

// What it says in its second life is late: it arrives when the third one has spoken.
void World::stumble(HostIndex host, Time down_for) {
  crash(host, false, down_for);
  unsteady_[host] = true;
}

void World::stop(HostIndex host, Time down_for) {
  if (!daemons_[host]) return;
  story_.tell(host, [&] { return "STOPS"; });
  end(host, down_for);
  census_.recount(host);
}

void World::heal() {
  if (failed()) return;
  story_.tell(0, [&] { return "all faults are healed"; });
  network_.heal();
  for (auto& back : back_) {
    if (back) back = now_;
  }
}

// --- events ---

void World::step() {
  const bool faults = options_.faults != FaultSet::kNone;
  const Time until = faults ? std::min(next_act_, next_fault_) : next_act_;
  if (happen(until)) return;
  ++events_;
  if (faults && now_ >= next_fault_) {
    if (stumbling_) {
      network_.hold_up(*stumbling_, random_.between(milliseconds(1), seconds(4)));
      crash(*stumbling_, false, random_.between(Time(1), milliseconds(50)));
      stumbling_.reset();
    } else {
      break_something(options_.faults, daemons_.size(), random_, *this);
    }
    next_fault_ = now_ + until_next_fault();
    return;
  }
  next_act_ = now_ + random_.between(Time(1), random_.one_in(500) ? Time(seconds(8)) : pace_);
  const HostIndex host = random_.below(daemons_.size());
  if (!daemons_[host]) return;
  script_.act(*daemons_[host]);
  happened(host);
}

// A session has to outlive blips that leave it time to dial.
Time World::until_next_fault() {
  if (options_.faults == FaultSet::kBlips) return random_.between(seconds(3), seconds(5));
  return random_.between(milliseconds(1), random_.one_in(2) ? Time(seconds(10)) : 100 * pace_);
}

bool World::happen(Time until) {
  const std::optional<Time> parcel = network_.next();
  Time first = std::min(until, parcel.value_or(until));
  std::optional<HostIndex> due;
  std::optional<HostIndex> back;
  for (HostIndex host = 0; host < daemons_.size(); ++host) {
    if (due_[host] && *due_[host] < first) first = *due_[host], due = host;
    if (back_[host] && *back_[host] < first) first = *back_[host], back = host, due.reset();
  }
  now_ = std::max(now_, first);
  if (back) {
    start(*back);
  } else if (due) {
    daemons_[*due]->tick();
    happened(*due);
  } else if (parcel && *parcel <= first) {
    const HostIndex host = network_.deliver();
    if (daemons_[host]) happened(host);
  } else {
    return false;
  }
  ++events_;
  return true;
}

void World::happened(HostIndex host) {
  daemons_[host]->check();
  census_.recount(host);
  const std::optional<Time> next = daemons_[host]->next_deadline();
  due_[host] = next ? std::optional(std::max(*next, now_ + microseconds(1))) : std::nullopt;
}

// --- the end ---

bool World::at_rest() const {
  if (!network_.quiet()) return false;
  return std::all_of(daemons_.begin(), daemons_.end(), [](const auto& daemon) {
    return daemon && daemon->all_open() && daemon->link().counters().unacknowledged == 0;
  });
}

// Sessions whose other side is gone have to find that out first: twice the lease and some dials.
void World::come_to_rest(const char* when) {
  const Time begun = now_;
  while (!failed() && now_ < begun + seconds(12)) happen(begun + seconds(12));
  const Time latest = now_ + seconds(20);
  while (!failed() && !at_rest() && now_ < latest) happen(latest);
  if (!failed() && !at_rest()) story_.accuse("I5", std::string("no rest ") + when);
}

void World::drain() {
  for (int round = 0; round < 100 && !failed(); ++round) {
    bool changed = false;
    for (HostIndex host = 0; host < daemons_.size(); ++host) {
      changed |= Script::drain(*daemons_[host]);
      happened(host);
    }
    const Time pause = now_ + seconds(1);
    while (!failed() && happen(pause)) {
    }
    if (!changed && round > 2) return;
  }
  if (!failed()) story_.accuse("I5", "messages come without end");
}

void World::end_clients() {
  for (HostIndex host = 0; host < daemons_.size() && !failed(); ++host) {
    while (!daemons_[host]->clients().empty()) daemons_[host]->remove_client(0);
    daemons_[host]->serve(nullptr);
    happened(host);
  }
}

}  // namespace netmsg::sim
