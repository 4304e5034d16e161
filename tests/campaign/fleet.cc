// SPDX-License-Identifier: Apache-2.0
#include "tests/campaign/fleet.h"

#include <signal.h>

#include "tests/support/control_json.h"

namespace netmsg::campaign {

namespace {

constexpr std::uint32_t kSlow = 20000;  // bytes a second
constexpr std::chrono::milliseconds kLate{300};

}  // namespace

Fleet::Fleet(std::uint32_t seed, std::string rights)
    : rights_(std::move(rights)), random_(seed), current_(kHosts * kSlots) {
  for (unsigned place = 0; place < kHosts * kSlots; ++place) start(place);
}

void Fleet::start(unsigned place) {
  const auto number = static_cast<std::uint32_t>(workers_.size() + 1);
  const std::string path = folder_.path() + "/" + std::to_string(number);
  const unsigned slot = place % kSlots;
  test::Host& host = hosts_[place / kSlots];
  auto worker = std::make_unique<Worker>();
  worker->journal = std::make_unique<Journal>(path);
  worker->journal->shared().mode = mode_;
  worker->life = {number, place / kSlots, slot, true, worker->journal.get()};
  worker->process = std::make_unique<test::Process>(
      std::vector<std::string>{WORKER_PROGRAM, path, std::to_string(number), "worker " + std::to_string(slot),
                               std::to_string(random_()), rights_, "a", "b", "c"},
      host.environment());
  current_[place] = worker.get();
  workers_.push_back(std::move(worker));
}

test::FaultLink& Fleet::link(unsigned which) {
  return hosts_.link(pairs_[which].first, pairs_[which].second);
}

void Fleet::begin(const Step& step) {
  using Way = test::FaultLink::Way;
  const bool is_silence = step.lasting.count() != 0 && step.act >= Act::kCut;
  if (is_silence) set_apart(step.where, true);
  switch (step.act) {
    case Act::kKillWorker:
      return kill_worker(step.where);
    case Act::kKillDaemon:
      return kill_daemon(step.where);
    case Act::kStopDaemon:
      faults_.unheard(step.where, step.where);
      return hosts_[step.where].daemon().signal(SIGSTOP);
    case Act::kStopWorker:
      return current(step.where).process->signal(SIGSTOP);
    case Act::kCut:
      return link(step.where).cut();
    case Act::kSilence:
      return link(step.where).hold();
    case Act::kHoldThere:
      return link(step.where).hold(Way::kThere);
    case Act::kHoldBack:
      return link(step.where).hold(Way::kBack);
    case Act::kThrottle:
      link(step.where).throttle(Way::kThere, kSlow);
      return link(step.where).throttle(Way::kBack, kSlow);
    case Act::kDelay:
      link(step.where).delay(Way::kThere, kLate);
      return link(step.where).delay(Way::kBack, kLate);
    case Act::kReset:
      return link(step.where).reset();
    case Act::kHalfClose:
      return link(step.where).half_close(Way::kThere);
    case Act::kBurst:
      return burst(step.where);
  }
}

void Fleet::end(const Step& step) {
  switch (step.act) {
    case Act::kStopDaemon:
      hosts_[step.where].daemon().signal(SIGCONT);
      return faults_.heard(step.where, step.where);
    case Act::kStopWorker:
      return current(step.where).process->signal(SIGCONT);
    case Act::kBurst:
      link(step.where).reset();
      break;
    default:
      break;
  }
  link(step.where).heal();
  set_apart(step.where, false);
}

void Fleet::set_apart(unsigned which, bool apart) {
  const auto& [one, other] = pairs_[which];
  apart ? faults_.unheard(one, other) : faults_.heard(one, other);
}

void Fleet::kill_worker(unsigned place) {
  Worker& worker = current(place);
  faults_.ended(worker.life.host, worker.life.slot);
  worker.process->stop(SIGKILL);
  worker.life.alive = false;
  ++kills_;
  start(place);
}

// Its workers are of no use without it.
void Fleet::kill_daemon(unsigned host) {
  faults_.ended(host, std::nullopt);
  for (unsigned place = host * kSlots; place < (host + 1) * kSlots; ++place) {
    current(place).process->stop(SIGKILL);
    current(place).life.alive = false;
  }
  hosts_[host].restart(SIGKILL);
  faults_.ended(host, std::nullopt);
  faults_.heard(host, host);
  ++kills_;
  for (unsigned place = host * kSlots; place < (host + 1) * kSlots; ++place) start(place);
}

// Workers of both hosts put what they can onto the link, which is held.
void Fleet::burst(unsigned which) {
  link(which).hold();
  for (const unsigned host : {pairs_[which].first, pairs_[which].second}) {
    ++current(host * kSlots).journal->shared().bursts_wanted;
  }
}

void Fleet::set_mode(Mode mode) {
  mode_ = mode;
  for (Worker* worker : current_) worker->journal->shared().mode = mode;
}

void Fleet::heal() {
  hosts_.heal();
  for (unsigned host = 0; host < kHosts; ++host) {
    hosts_[host].daemon().signal(SIGCONT);
    faults_.heard(host, host);
  }
  for (unsigned which = 0; which < pairs_.size(); ++which) set_apart(which, false);
  for (Worker* worker : current_) worker->process->signal(SIGCONT);
}

std::string Fleet::unrest() {
  for (const auto& [one, other] : pairs_) {
    if (hosts_[one].peer_state(hosts_[other].name()) != "open" ||
        hosts_[other].peer_state(hosts_[one].name()) != "open")
      return "no session between " + hosts_[one].name() + " and " + hosts_[other].name();
  }
  for (const Worker* worker : current_) {
    if (const std::string what = worker_unrest(*worker); !what.empty()) return what;
  }
  return hosts_.balanced();
}

std::string Fleet::worker_unrest(const Worker& worker) const {
  const Shared& shared = worker.journal->shared();
  if (shared.held + shared.owed + shared.gifts == 0 && shared.rounds != 0) return "";
  return "life " + std::to_string(worker.life.number) + " holds " + std::to_string(shared.held) +
         " rights, is owed " + std::to_string(shared.owed) + " answers, and has " +
         std::to_string(shared.gifts) + " ports with senders";
}

std::vector<std::string> Fleet::troubles() {
  std::vector<std::string> all;
  for (Worker* worker : current_) {
    if (worker->process->running()) continue;
    all.push_back("life " + std::to_string(worker->life.number) + " has ended: " + worker->process->output());
  }
  for (unsigned host = 0; host < kHosts; ++host) {
    if (hosts_[host].daemon().running()) continue;
    all.push_back("daemon " + hosts_[host].name() + " has ended: " + hosts_[host].daemon().output());
  }
  return all;
}

std::vector<std::string> Fleet::unexplained() {
  std::vector<std::string> all;
  for (const Worker* worker : current_) {
    for (const DeadName& dead : worker->journal->shared().dead) {
      if (dead.name == 0 || dead.host == worker->life.host) continue;
      if (!death_text(*worker, dead.name).empty()) continue;
      all.push_back("no reason for dead name " + std::to_string(dead.name) + " of life " +
                    std::to_string(worker->life.number));
    }
  }
  return all;
}

std::string Fleet::death_text(const Worker& worker, std::uint32_t name) {
  const test::Host& host = hosts_[worker.life.host];
  const std::string task = std::to_string(test::task_of(host, worker.process->pid()));
  return test::told<v1::PortView>(host.control({"--json", "port", task + ":" + std::to_string(name)}))
      .death();
}

Verdict Fleet::verdict() const {
  std::vector<Life> lives;
  for (const auto& worker : workers_) lives.push_back(worker->life);
  return Verdict(lives, faults_, Clock::now());
}

}  // namespace netmsg::campaign
