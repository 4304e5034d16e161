// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>
#include <iterator>

namespace netmsg::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Time kPaces[] = {microseconds(200), milliseconds(2), milliseconds(20), milliseconds(300)};
constexpr unsigned kIntroduces[] = {1, 2, 4, 20};

// Ceilings that are met all the time.
proxy::PeerLimits tight() {
  proxy::PeerLimits limits;
  limits.exports = 8;
  limits.send_once_units = 6;
  limits.unacknowledged = 3000;
  limits.account.bytes = 2500;
  return limits;
}

Script::Manners manners(Random& random, bool moves) {
  Script::Manners made;
  made.moves = moves;
  made.introduces = kIntroduces[random.below(std::size(kIntroduces))];
  made.clients_max = 1 + random.below(3);
  made.ports_max = 2 + random.below(6);
  made.limit_max = random.one_in(4) ? 16 : 1 + random.below(5);
  made.payload_max = random.one_in(3) ? 1500 : 40;
  made.memory_max = random.one_in(3) ? 20'000 : 100;
  if (random.one_in(6)) made.memory_max = 800'000;  // more than travels in one chunk
  return made;
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      stage_(options.hosts, options.schedule, options.aloud),
      random_(stage_.random()),
      script_(random_, manners(random_, options.moves), next_client_),
      pace_(options.faults == FaultSet::kBlips ? Time(milliseconds(30)) : kPaces[random_.below(4)]),
      unsteady_(options.hosts),
      end_(options.steps),
      next_fault_(random_.between(milliseconds(10), seconds(2))) {
  Stage::Terms terms;
  terms.limits = options.faults == FaultSet::kAll && random_.one_in(3) ? tight() : proxy::PeerLimits{};
  terms.drift_max = random_.one_in(2) ? 200 : 50'000;
  terms.dials.assign(options.hosts, std::vector<bool>(options.hosts, true));
  for (HostIndex a = 0; a < options.hosts; ++a) {
    for (HostIndex b = 0; b < a; ++b) {
      const unsigned who = random_.below(3);  // one of them, or both
      terms.dials[a][b] = who != 0;
      terms.dials[b][a] = who != 1;
    }
  }
  if (options.hosts > 2 && random_.one_in(4)) {
    const HostIndex one = random_.below(options.hosts);
    const auto other = (one + 1 + random_.below(options.hosts - 1)) % static_cast<HostIndex>(options.hosts);
    terms.strangers = {one, other};
  }
  if (options.faults > FaultSet::kBlips) stage_.ledger().expect_fences();
  stage_.open(std::move(terms));
}

std::optional<std::string> World::play() {
  for (std::size_t turned = 0; !stage_.failed() && stage_.events() < end_; step()) {
    if (random_.turned() == turned) continue;
    turned = random_.turned();
    end_ = stage_.events() + options_.steps;
  }
  stage_.finish();
  return stage_.story().verdict();
}

// --- faults ---

void World::cut(HostIndex a, HostIndex b, bool both) {
  stage_.story().tell(a, [&] { return "CUT from " + host_name(b); });
  stage_.coverage().event(Deed::kCut, both);
  stage_.network().cut(a, b, both ? Network::News::kBoth : Network::News::kOne);
}

void World::half_open(HostIndex a, HostIndex b) {
  stage_.story().tell(a, [&] { return "HALF OPEN to " + host_name(b); });
  stage_.network().cut(a, b, Network::News::kNobody);
}

void World::isolate(HostIndex a, HostIndex b, Time for_) {
  cut(a, b, true);
  stage_.network().refuse(a, b, stage_.now() + for_);
}

void World::stall(HostIndex from, HostIndex to, Time for_) {
  stage_.story().tell(from, [&] { return "STALL towards " + host_name(to); });
  stage_.network().stall(from, to, stage_.now() + for_);
}

void World::slow_reader(HostIndex host, Time for_) {
  stage_.story().tell(host, [&] { return "STOPS READING"; });
  for (HostIndex other = 0; other < stage_.hosts(); ++other) {
    if (other != host) stage_.network().stall(other, host, stage_.now() + for_);
  }
}

void World::crash(HostIndex host, bool told, Time down_for) {
  stage_.crash(host, told, down_for);
}

// What it says in its second life is late: it arrives when the third one has spoken.
void World::stumble(HostIndex host, Time down_for) {
  crash(host, false, down_for);
  unsteady_[host] = true;
}

void World::stop(HostIndex host, Time down_for) {
  stage_.stop(host, down_for);
}

// --- events ---

void World::step() {
  const bool faults = options_.faults != FaultSet::kNone;
  stumble_again();
  if (stage_.happen(faults ? std::min(next_act_, next_fault_) : next_act_)) return;
  stage_.count_event();
  if (faults && stage_.now() >= next_fault_) return break_something_now();
  next_act_ = stage_.now() + random_.between(Time(1), random_.one_in(500) ? Time(seconds(8)) : pace_);
  const HostIndex host = random_.below(stage_.hosts());
  if (stage_.daemon(host) == nullptr) return;
  script_.act(*stage_.daemon(host));
  stage_.happened(host);
}

void World::break_something_now() {
  if (stumbling_) {
    stage_.network().hold_up(*stumbling_, random_.between(milliseconds(1), seconds(4)));
    crash(*stumbling_, false, random_.between(Time(1), milliseconds(50)));
    stumbling_.reset();
  } else {
    break_something(options_.faults, stage_.hosts(), random_, *this);
  }
  next_fault_ = stage_.now() + until_next_fault();
}

// It has started again: its second life is short.
void World::stumble_again() {
  for (HostIndex host = 0; host < unsteady_.size(); ++host) {
    if (!unsteady_[host] || stage_.daemon(host) == nullptr) continue;
    unsteady_[host] = false;
    stumbling_ = host;
    next_fault_ = stage_.now() + random_.between(Time(0), milliseconds(200));
  }
}

// A session has to outlive blips that leave it time to dial.
Time World::until_next_fault() {
  if (options_.faults == FaultSet::kBlips) return random_.between(seconds(3), seconds(5));
  return random_.between(milliseconds(1), random_.one_in(2) ? Time(seconds(10)) : 100 * pace_);
}

}  // namespace netmsg::sim
