// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/stage.h"

#include <algorithm>

#include "tests/sim/script.h"

namespace netmsg::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

Stage::Stage(std::size_t hosts, const Schedule& schedule, bool aloud)
    : seed_(schedule.seed),
      random_(schedule),
      story_(now_, aloud),
      coverage_(random_),
      ledger_(hosts, now_, story_),
      network_(hosts, random_, now_, story_),
      daemons_(hosts),
      census_(daemons_, ledger_, story_, coverage_),
      locality_(daemons_, census_, ledger_, story_),
      incarnations_(hosts, 1),
      back_(hosts),
      due_(hosts) {}

Stage::~Stage() {
  ledger_.expect_fences();
  for (HostIndex host = 0; host < daemons_.size(); ++host) {
    if (daemons_[host]) end(host, Time(0));
  }
}

void Stage::open(Terms terms) {
  terms_ = std::move(terms);
  if (terms_.strangers) ledger_.set_strangers(terms_.strangers->first, terms_.strangers->second);
  for (HostIndex host = 0; host < daemons_.size(); ++host) start(host);
}

// --- hosts ---

std::vector<bool> Stage::allowed(HostIndex host) const {
  std::vector<bool> all(daemons_.size(), true);
  if (!terms_.strangers) return all;
  const auto& [one, other] = *terms_.strangers;
  if (host == one) all[other] = false;
  if (host == other) all[one] = false;
  return all;
}

void Stage::start(HostIndex host) {
  const auto drifts = 2 * static_cast<std::size_t>(terms_.drift_max) + 1;
  const DaemonOptions options{host,
                              daemons_.size(),
                              incarnations_[host]++,
                              terms_.dials[host],
                              allowed(host),
                              terms_.limits,
                              random_.between(seconds(0), seconds(100'000)),
                              static_cast<int>(random_.below(drifts)) - terms_.drift_max,
                              (seed_ * 1000 + host) * 1000 + incarnations_[host]};
  back_[host].reset();
  story_.tell(host, [&] { return "starts, incarnation " + std::to_string(options.incarnation); });
  coverage_.event(Deed::kStart);
  daemons_[host] = std::make_unique<Daemon>(options, network_, now_, ledger_, story_, coverage_);
  happened(host);
}

void Stage::end(HostIndex host, Time down_for) {
  daemons_[host]->stop();
  ledger_.crashed(host);
  daemons_[host].reset();
  back_[host] = now_ + down_for;
  due_[host].reset();
}

void Stage::crash(HostIndex host, bool told, Time down_for) {
  if (!daemons_[host]) return;
  story_.tell(host, [&] { return told ? "CRASHES" : "CRASHES, silently"; });
  coverage_.event(Deed::kCrash, told);
  network_.crash(host, told);
  end(host, down_for);
  census_.recount(host);
}

void Stage::stop(HostIndex host, Time down_for) {
  if (!daemons_[host]) return;
  story_.tell(host, [&] { return "STOPS"; });
  coverage_.event(Deed::kStop);
  end(host, down_for);
  census_.recount(host);
}

void Stage::heal() {
  story_.tell(0, [&] { return "all faults are healed"; });
  network_.heal();
  for (auto& back : back_) {
    if (back) back = now_;
  }
}

// --- events ---

bool Stage::happen(Time until) {
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
    count_event();
  } else if (due) {
    tick(*due);
  } else if (parcel && *parcel <= first) {
    deliver(network_.first());
  } else {
    return false;
  }
  return true;
}

void Stage::deliver(proxy::StreamId stream) {
  coverage_.event(Deed::kParcel, network_.kinds(stream));
  locality_.expect(network_.sender(stream), network_.receiver(stream), network_.frames(stream));
  const HostIndex host = network_.deliver(stream);
  if (daemons_[host]) happened(host);
  locality_.judge();
  count_event();
}

void Stage::tick(HostIndex host) {
  now_ = std::max(now_, *due_[host]);
  coverage_.event(Deed::kTick);
  daemons_[host]->tick();
  happened(host);
  count_event();
}

void Stage::happened(HostIndex host) {
  daemons_[host]->check();
  census_.recount(host);
  const std::optional<Time> next = daemons_[host]->next_deadline();
  due_[host] = next ? std::optional(std::max(*next, now_ + microseconds(1))) : std::nullopt;
}

// --- the end ---

void Stage::finish() {
  if (failed()) return;
  heal();
  come_to_rest("after the last fault");
  drain();
  come_to_rest("when all was received");
  if (!failed()) ledger_.expect_all_received();
  if (!failed()) ledger_.expect_all_answered();
  end_clients();
  come_to_rest("when all clients were gone");
  if (!failed()) census_.expect_nothing_left();
}

bool Stage::at_rest() const {
  if (!network_.quiet()) return false;
  return std::all_of(daemons_.begin(), daemons_.end(), [](const auto& daemon) {
    return daemon && daemon->all_open() && daemon->link().idle() &&
           daemon->link().counters().unacknowledged == 0;
  });
}

// Sessions whose other side is gone have to find that out first: twice the lease and some dials. Ports on their way into
// each other are given up after six leases, each message of an order in its turn.
void Stage::come_to_rest(const char* when) {
  const Time begun = now_;
  while (!failed() && now_ < begun + seconds(12)) happen(begun + seconds(12));
  const Time latest = now_ + seconds(35);
  while (!failed() && !at_rest() && now_ < latest) happen(latest);
  if (!failed() && !at_rest()) story_.accuse("I5", std::string("no rest ") + when);
  if (!failed()) census_.recount_at_rest();
  if (!failed()) census_.expect_all_reachable();
}

void Stage::drain() {
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

void Stage::end_clients() {
  for (HostIndex host = 0; host < daemons_.size() && !failed(); ++host) {
    while (!daemons_[host]->clients().empty()) daemons_[host]->remove_client(0);
    daemons_[host]->serve(nullptr);
    happened(host);
  }
}

}  // namespace netmsg::sim
