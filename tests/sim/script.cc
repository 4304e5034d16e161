// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/script.h"

#include <algorithm>

namespace netmsg::sim {

using ipc::EntryState;

namespace {

bool has_receive(const Held& held) {
  return held.state == EntryState::kReceive || held.state == EntryState::kReceiveSend;
}
bool has_send(const Held& held) {
  return held.state == EntryState::kSend || held.state == EntryState::kReceiveSend;
}

bool may_repeat(const Offer& offer) {
  return offer.disposition == MACH_MSG_TYPE_COPY_SEND || offer.disposition == MACH_MSG_TYPE_MAKE_SEND ||
         offer.disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

}  // namespace

void Script::act(Daemon& daemon) {
  Client& client = some_client(daemon);
  switch (random_.below(20)) {
    case 0:
      return come_and_go(daemon);
    case 1:
      return watch(client);
    case 2:
    case 3:
      return let_go(client);
    case 4:
      return daemon.serve(&client);
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      return receive(client);
    case 10:
      if (random_.one_in(4)) client.interrupt();
      return;
    default:
      return send(daemon, client);
  }
}

Client& Script::some_client(Daemon& daemon) {
  const auto& clients = daemon.clients();
  if (clients.empty()) return daemon.add_client(++next_client_);
  return *clients[random_.below(clients.size())];
}

void Script::come_and_go(Daemon& daemon) {
  const auto& clients = daemon.clients();
  if (clients.size() < manners_.clients_max) {
    daemon.add_client(++next_client_);
  } else if (random_.one_in(4)) {
    daemon.remove_client(random_.below(clients.size()));
  }
}

std::vector<Name> Script::receive_names(const std::vector<Held>& held) const {
  std::vector<Name> names;
  for (const Held& each : held) {
    if (has_receive(each)) names.push_back(each.name);
  }
  return names;
}

void Script::let_go(Client& client) {
  const std::vector<Held> held = client.held();
  if (held.empty()) return;
  const Held& one = held[random_.below(held.size())];
  if (has_receive(one) && !random_.one_in(6)) {
    if (random_.one_in(2)) return client.set_limit(one.name, random_.below(manners_.limit_max + 1));
    return client.deallocate(one.name);  // its send rights
  }
  if (random_.one_in(2)) return client.destroy(one.name);
  client.deallocate(one.name);
}

void Script::watch(Client& client) {
  const std::vector<Held> held = client.held();
  const std::vector<Name> ports = receive_names(held);
  if (ports.empty()) return;
  const Held& one = held[random_.below(held.size())];
  const Name notify = ports[random_.below(ports.size())];
  if (has_receive(one)) {
    if (random_.one_in(4)) return client.inherit(one.name, notify);
    client.watch_senders(one.name, notify);
  } else if (one.port != 0) {
    client.watch_death(one.name, notify);
  }
}

void Script::receive(Client& client) {
  const std::vector<Name> ports = receive_names(client.held());
  if (ports.empty() || (ports.size() < manners_.ports_max && random_.one_in(6))) {
    client.allocate(1 + random_.below(manners_.limit_max));
    return;
  }
  const Name name = ports[random_.below(ports.size())];
  for (unsigned rest = 1 + random_.below(4); rest > 0 && client.receive(name); --rest) {
  }
}

Offer Script::destination(const std::vector<Held>& held) {
  std::vector<Held> fit;
  std::copy_if(held.begin(), held.end(), std::back_inserter(fit),
               [](const Held& each) { return has_send(each) || each.state == EntryState::kSendOnce; });
  if (fit.empty()) return {};
  const Held& one = fit[random_.below(fit.size())];
  if (one.state == EntryState::kSendOnce) return {one.name, MACH_MSG_TYPE_MOVE_SEND_ONCE};
  return {one.name,
          random_.one_in(5) ? unsigned{MACH_MSG_TYPE_MOVE_SEND} : unsigned{MACH_MSG_TYPE_COPY_SEND}};
}

Offer Script::offer(const std::vector<Held>& held, HostIndex here, HostIndex home) {
  std::vector<Held> fit;
  std::copy_if(held.begin(), held.end(), std::back_inserter(fit), [&](const Held& each) {
    if (each.port == 0) return manners_.junk && random_.one_in(8);
    return home == here || each.home == here || each.home == home || random_.one_in(manners_.introduces);
  });
  if (fit.empty()) return {};
  const Held& one = fit[random_.below(fit.size())];
  if (one.state == EntryState::kSendOnce) return {one.name, MACH_MSG_TYPE_MOVE_SEND_ONCE};
  if (has_receive(one) && (manners_.moves || home == here) && random_.one_in(6))
    return {one.name, MACH_MSG_TYPE_MOVE_RECEIVE};
  if (has_receive(one) && !(has_send(one) && random_.one_in(2))) {
    return {one.name,
            random_.one_in(2) ? unsigned{MACH_MSG_TYPE_MAKE_SEND} : unsigned{MACH_MSG_TYPE_MAKE_SEND_ONCE}};
  }
  return {one.name,
          random_.one_in(2) ? unsigned{MACH_MSG_TYPE_MOVE_SEND} : unsigned{MACH_MSG_TYPE_COPY_SEND}};
}

void Script::send(Daemon& daemon, Client& client) {
  if (random_.one_in(5)) {
    daemon.reach(random_.below(2 * 7), client);  // beyond the last host: nobody
  }
  const std::vector<Held> held = client.held();
  const Offer to = destination(held);
  if (to.name == 0) return;
  const HostIndex home =
      std::find_if(held.begin(), held.end(), [&](const Held& each) { return each.name == to.name; })->home;
  const Offer reply = random_.one_in(2) ? offer(held, daemon.host(), home) : Offer{};
  std::vector<Offer> body;
  for (unsigned rest = random_.below(4); rest > 0; --rest) {
    Offer each = offer(held, daemon.host(), home);
    if (random_.one_in(6)) each.array = may_repeat(each) ? 1 + random_.below(3) : 1;
    const bool taken =
        !may_repeat(each) && each.disposition != MACH_MSG_TYPE_MOVE_SEND &&
        (each.name == to.name || each.name == reply.name ||
         std::any_of(body.begin(), body.end(), [&](const Offer& other) { return other.name == each.name; }));
    if (each.name != 0 && !taken) body.push_back(each);
  }
  Manner manner;
  manner.timeout_ms = random_.one_in(3) ? 1 + random_.below(3000) : 0;
  manner.payload = random_.below(manners_.payload_max + 1);
  if (random_.one_in(10)) manner.memory = random_.below(manners_.memory_max + 1);
  const std::vector<Name> ports = receive_names(held);
  const bool forces = to.disposition != MACH_MSG_TYPE_MOVE_SEND_ONCE && !ports.empty() && random_.one_in(8);
  if (forces) manner.notify = ports[random_.below(ports.size())];
  client.send(to, reply, body, manner);
}

bool Script::drain(Daemon& daemon) {
  bool changed = false;
  for (const auto& client : daemon.clients()) {
    for (const Held& each : client->held()) {
      if (!has_receive(each)) continue;
      client->set_limit(each.name, MACH_PORT_QLIMIT_MAX);
      while (client->receive(each.name)) changed = true;
    }
  }
  daemon.serve(daemon.clients().empty() ? nullptr : daemon.clients().front().get());
  return changed;
}

}  // namespace netmsg::sim
