// SPDX-License-Identifier: Apache-2.0
// Ports on their way into each other through several hosts (rule M2; peer.proto, exchange 14): none of the messages that
// carry them could ever go on. A probe follows the way from port to port; if it comes back the same way twice, they die.
#include <algorithm>
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/hash.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

namespace {

constexpr std::uint32_t kHopsMax = 256;

// A port on its way at this host, and where it goes.
struct Step {
  const ipc::Port* port;
  const ipc::Port* destination;  // a proxy
};

// The last local port of the chain of those that are queued at each other; nullopt: it stays here.
std::optional<Step> last_step(const ipc::Port& port) {
  for (const ipc::Port* at = &port;; at = at->transit_to()) {
    const ipc::Port* next = at->transit_to();
    if (next == nullptr) return std::nullopt;
    if (next->remote()) return Step{at, next};
  }
}

}  // namespace

// Step 1.
void Moves::seek_circles(base::Instant now) {
  for (const ipc::Port* destination : waiting_.destinations()) {
    if (now >= waiting_.lap(destination).due) start_lap(destination);
  }
}

void Moves::start_lap(const ipc::Port* destination) {
  Waiting::Lap& lap = waiting_.lap(destination);
  lap.nonce = mix_in(options_.seed, ++last_lap_);
  lap.due = in_leases(1);
  due(lap.due);
  if (broken(Rule::kCirclesAreSought)) return;
  v1::Probe probe;
  write_origin(registry_.us(), *probe.mutable_starter());
  probe.set_nonce(lap.nonce);
  probe.set_hops(kHopsMax);
  send_probe(waiting_.uid_of(destination), std::move(probe));
}

// To where this proxy is at home, as far as we know.
void Moves::send_probe(const PortUid& port, v1::Probe probe) {
  const Registry::Entry* entry = std::as_const(registry_).find(port);
  if (entry == nullptr || !entry->home) return;
  v1::Frame frame;
  write_uid(ends(*entry->home), port, *probe.mutable_port());
  *frame.mutable_probe() = std::move(probe);
  sessions_.append(*entry->home, frame);
}

// Steps 2 and 3.
Check Moves::apply_probe(PeerIndex from, const v1::Probe& wire) {
  PortUid uid;
  Origin starter;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (Check fault = read_origin(wire.starter(), starter)) return fault;
  const Registry::Entry* entry = std::as_const(registry_).find(uid);
  if (entry == nullptr || wire.hops() == 0) return std::nullopt;
  v1::Probe probe = wire;
  probe.set_hops(std::min(wire.hops(), kHopsMax) - 1);
  if (entry->home) {
    if (*entry->home != from) send_probe(uid, std::move(probe));
    return std::nullopt;
  }
  const std::optional<Step> step = last_step(*entry->port);
  if (!step || !waiting_.holds(step->destination)) return std::nullopt;
  const auto carrier = waiting_.carrier_of(step->destination, *step->port);
  if (!carrier) return std::nullopt;
  probe.set_ways(mix_in(wire.ways(), *carrier));
  const bool ours = starter == registry_.us() && wire.nonce() != 0;
  if (ours && wire.nonce() == waiting_.lap(step->destination).nonce) {
    came_round(step->destination, *carrier, probe.ways());
  } else {
    send_probe(waiting_.uid_of(step->destination), std::move(probe));
  }
  return std::nullopt;
}

// Step 4. Each step of one lap was there at its own time; if all are the same in the next one, they were there at one time,
// and nothing can end them.
void Moves::came_round(const ipc::Port* destination, Waiting::Ticket carrier, std::uint64_t ways) {
  Waiting::Lap& lap = waiting_.lap(destination);
  lap.nonce = 0;
  if (lap.ways == ways || broken(Rule::kCirclesTwice)) return break_circle(destination, carrier);
  const bool first = !lap.ways;
  lap.ways = ways;
  if (first) start_lap(destination);
}

// The destination may live on, by its backup: a send-once right to it is not used up here, but given up as any other
// (exchange 3), or its home would count the unit for ever.
void Moves::break_circle(const ipc::Port* destination, Waiting::Ticket carrier) {
  const PortUid uid = waiting_.uid_of(destination);
  waiting_.take(destination, carrier).reset();
  if (waiting_.holds(destination)) go_on(destination);
  look_at(uid);
}

}  // namespace netmsg::proxy
