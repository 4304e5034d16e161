// SPDX-License-Identifier: Apache-2.0
#include "daemon/port_view.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "daemon/ipc/core.h"
#include "daemon/ipc/places.h"
#include "daemon/ipc/port.h"
#include "daemon/ipc/space.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/uid_wire.h"

namespace netmsg::daemon {
namespace {

using Side = proxy::UnitRow::Side;

std::string uid_text(const proxy::PortUid& uid) {
  return uid.origin.node.hex() + "." + std::to_string(uid.origin.incarnation) + "." +
         std::to_string(uid.serial);
}

bool read_number(std::string_view& rest, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return error == std::errc();
}

bool skip_dot(std::string_view& rest) {
  if (rest.empty() || rest.front() != '.') return false;
  rest.remove_prefix(1);
  return true;
}

// As uid_text() writes it, and nothing else.
std::optional<proxy::PortUid> read_uid_text(const std::string& text) {
  std::string_view rest = text;
  const std::string_view hex = rest.substr(0, rest.find('.'));
  rest.remove_prefix(hex.size());
  const auto node = proxy::NodeId::from_hex(hex);
  proxy::PortUid uid;
  const bool whole = node && skip_dot(rest) && read_number(rest, uid.origin.incarnation) && skip_dot(rest) &&
                     read_number(rest, uid.serial) && rest.empty();
  if (!whole) return std::nullopt;
  uid.origin.node = *node;
  return uid_text(uid) == text ? std::optional(uid) : std::nullopt;
}

// --- what sessions know ---

// All open sessions, with what is in them. Valid until the next event.
class Sessions {
 public:
  explicit Sessions(const ViewSources& from) {
    if (from.proxy == nullptr) return;
    peers_ = from.proxy->peers();
    sessions_ = from.proxy->open_sessions();
    if (const auto node = proxy::NodeId::from_hex(from.node_id)) us_ = {*node, from.incarnation};
  }

  struct Found {
    const proxy::SessionRow* session;
    const proxy::UnitRow* unit;
  };
  // A port is in the table of every session in which it has units.
  template <typename Wanted>
  std::vector<Found> find(Wanted wanted) const {
    std::vector<Found> all;
    for (const proxy::SessionRow& session : sessions_) {
      for (const proxy::UnitRow& unit : session.units) {
        if (wanted(unit)) all.push_back({&session, &unit});
      }
    }
    return all;
  }

  const proxy::PeerRow& peer(const proxy::SessionRow& session) const { return peers_[session.peer]; }
  const std::string& name(proxy::PeerIndex peer) const { return peers_[peer].name; }
  const std::string& node(proxy::PeerIndex peer) const { return peers_[peer].node; }
  // Empty: we know of no such host; we are none of our peers.
  std::string name(const proxy::Origin& daemon) const {
    const auto found = std::find_if(peers_.begin(), peers_.end(),
                                    [&](const proxy::PeerRow& row) { return row.node == daemon.node.hex(); });
    return found == peers_.end() ? "" : found->name;
  }
  // As frames of ours in this session name the port.
  v1::Uid wire(const Found& found) const {
    const proxy::PeerRow& to = peer(*found.session);
    const proxy::Origin them{proxy::NodeId::from_hex(to.node).value_or(proxy::NodeId()), to.incarnation};
    v1::Uid uid;
    proxy::write_uid({us_, them}, found.unit->uid, uid);
    return uid;
  }

 private:
  proxy::Origin us_;
  std::vector<proxy::PeerRow> peers_;
  std::vector<proxy::SessionRow> sessions_;
};

bool same(const v1::Uid& one, const v1::Uid& other) {
  return one.side() == other.side() && one.serial() == other.serial() &&
         (one.side() != v1::Uid::OTHER || one.SerializeAsString() == other.SerializeAsString());
}

// NULL and DEAD have no port. The receive right is told by its Move.
bool carries(const v1::Right& right, const v1::Uid& port) {
  return right.has_port() && right.value() != v1::Right::MOVED && same(right.port(), port);
}

std::uint32_t rights_in(const v1::Message& message, const v1::Uid& port) {
  const auto in_body = std::count_if(message.rights().begin(), message.rights().end(),
                                     [&](const v1::Right& right) { return carries(right, port); });
  return static_cast<std::uint32_t>(in_body) + (carries(message.reply(), port) ? 1 : 0);
}

// The notifications that go along with a port.
std::uint32_t rights_in(const v1::Move& move, const v1::Uid& port) {
  return (carries(move.no_senders(), port) ? 1U : 0U) + (carries(move.port_destroyed(), port) ? 1U : 0U);
}

void count_frame(const v1::Frame& frame, const v1::Uid& port, v1::PeerHolding& to) {
  std::uint32_t rights = 0;
  if (frame.has_message()) {
    rights = rights_in(frame.message(), port);
    to.set_messages(to.messages() + (same(frame.message().destination(), port) ? 1 : 0));
  } else if (frame.has_granted()) {
    rights = same(frame.granted().port(), port) ? 1 : 0;
  } else if (frame.has_move()) {
    rights = rights_in(frame.move(), port);
    to.set_moves(to.moves() || same(frame.move().port(), port));
  }
  to.set_rights(to.rights() + rights);
}

void fill_peer(const Sessions& sessions, const Sessions::Found& found, v1::PeerHolding& to) {
  const proxy::PeerRow& peer = sessions.peer(*found.session);
  to.set_peer(peer.name);
  to.set_node_id(peer.node);
  to.set_send_once(found.unit->send_once);
  found.unit->side == Side::kExport ? to.set_granted(found.unit->send) : to.set_received(found.unit->send);
  to.set_unacknowledged(found.session->kept.size());
  for (const v1::Frame& frame : found.session->kept) count_frame(frame, sessions.wire(found), to);
}

void fill_peers(const Sessions& sessions, const ipc::Port& port, v1::PortView& to) {
  for (const Sessions::Found& found : sessions.find([&](const auto& unit) { return unit.port == &port; })) {
    if (found.unit->side == Side::kProxy) to.set_home(sessions.peer(*found.session).name);
    fill_peer(sessions, found, *to.add_peers());
  }
}

// --- what is on its way beside sessions ---

void fill_stub(const Sessions& sessions, const proxy::StubRow& stub, v1::Stub& to) {
  to.set_target(sessions.name(stub.target));
  to.set_told(stub.told);
  to.set_guard(stub.guard);
  for (const proxy::StubRow::Path& path : stub.paths) {
    v1::OldPath& old = *to.add_paths();
    old.set_holder(sessions.name(path.peer));
    old.set_node_id(sessions.node(path.peer));
    old.set_closing(path.closing);
    old.set_send(path.send);
    old.set_send_once(path.send_once);
  }
}

void fill_undrained(const Sessions& sessions, const proxy::UndrainedRow& undrained, v1::Undrained& to) {
  to.set_from(sessions.name(undrained.by));
  to.set_held(static_cast<std::uint32_t>(undrained.held));
  for (const proxy::UndrainedRow::Path& path : undrained.paths) {
    v1::OldPath& old = *to.add_paths();
    old.set_holder(sessions.name(path.holder));
    old.set_node_id(path.holder.node.hex());
    old.set_closing(path.closing);
    old.set_send(path.send);
    old.set_send_once(path.send_once);
    old.set_held(static_cast<std::uint32_t>(path.held));
  }
}

void fill_row(const Sessions& sessions, const proxy::PortRow& row, v1::PortView& to) {
  to.set_uid(uid_text(row.uid));
  to.set_epoch(row.epoch);
  if (row.stub) fill_stub(sessions, *row.stub, *to.mutable_stub());
  if (row.undrained) fill_undrained(sessions, *row.undrained, *to.mutable_undrained());
  for (const proxy::PortRow::Parked& parked : row.parked) {
    v1::Parked& each = *to.add_parked();
    each.set_peer(sessions.name(parked.peer));
    each.set_messages(parked.messages);
  }
  to.set_held_back(static_cast<std::uint32_t>(row.held_back));
  to.set_awaited(static_cast<std::uint32_t>(row.awaited));
  to.set_unmatched(static_cast<std::uint32_t>(row.unmatched));
  to.set_kept(static_cast<std::uint32_t>(row.kept));
}

// --- what the engine knows ---

v1::Holding::Place place_of(ipc::Place::Kind kind) {
  switch (kind) {
    case ipc::Place::Kind::kName:
      return v1::Holding::NAME;
    case ipc::Place::Kind::kTask:
      return v1::Holding::TASK;
    case ipc::Place::Kind::kRequest:
      return v1::Holding::REQUEST;
    case ipc::Place::Kind::kQueue:
      return v1::Holding::QUEUE;
    case ipc::Place::Kind::kCall:
      return v1::Holding::CALL;
    case ipc::Place::Kind::kInheritance:
      return v1::Holding::INHERITANCE;
    case ipc::Place::Kind::kLink:
      return v1::Holding::LINK;
    default:
      return v1::Holding::DAEMON;
  }
}

// What the link holds for peers as their units is told with the peers, and so is that it has a proxy.
ipc::Held beside_units(ipc::Held held, const v1::PortView& view) {
  held.receive = 0;
  if (view.state() != v1::PortView::HOME) return held;
  for (const v1::PeerHolding& peer : view.peers()) {
    held.send -= std::min(held.send, peer.granted() > 0 ? 1U : 0U);
    held.send_once -= std::min(held.send_once, static_cast<std::uint32_t>(peer.send_once()));
  }
  return held;
}

bool is_empty(const ipc::Held& held) {
  return held.send == 0 && held.send_once == 0 && held.receive == 0;
}

void fill_holding(const ipc::Holding& holding, v1::Holding& to) {
  const ipc::Place& at = holding.place;
  const ipc::Space* space = at.space != nullptr  ? at.space
                            : at.port != nullptr ? at.port->receiver()
                                                 : nullptr;
  to.set_place(place_of(at.kind));
  if (space != nullptr) {
    to.set_task(space->id());
    to.set_label(space->label());
    to.set_name(at.port != nullptr ? at.port->receiver_name() : at.name);
  }
  to.set_send(holding.held.send);
  to.set_send_once(holding.held.send_once);
  to.set_receive(holding.held.receive);
}

const char* kernel_text(const ipc::Port& port) {
  switch (port.object().kind) {
    case ipc::KernelObject::Kind::kTask:
      return "the daemon, for a task";
    case ipc::KernelObject::Kind::kThread:
      return "the daemon, for a thread";
    default:
      return "the daemon, for the host";
  }
}

void fill_receiver(const ipc::Port& port, v1::PortView& to) {
  if (const ipc::Space* space = port.receiver()) {
    to.set_task(space->id());
    to.set_name(port.receiver_name());
    to.set_receiver(space->label());
  } else if (port.home() == ipc::Port::Home::kKernel) {
    to.set_receiver(kernel_text(port));
  } else if (!port.remote()) {
    to.set_receiver("nobody: the receive right is in a message");
  }
}

template <typename List>
std::uint32_t length(const List& list) {
  std::uint32_t count = 0;
  list.for_each([&](const auto&) { ++count; });
  return count;
}

void fill_port(const ipc::Port& port, v1::PortView& to) {
  to.set_state(port.remote() ? v1::PortView::PROXY : v1::PortView::HOME);
  fill_receiver(port, to);
  to.set_queued(port.msgcount);
  to.set_qlimit(port.qlimit);
  to.set_waiting_senders(length(port.senders));
  to.set_waiting_receivers(length(port.receivers));
  to.set_send_rights(port.srights());
  to.set_send_once_rights(port.sorights());
  to.set_make_send_count(port.mscount);
  to.set_no_senders_requested(static_cast<bool>(port.no_senders_request));
  to.set_port_destroyed_requested(static_cast<bool>(port.port_destroyed_request));
  to.set_dead_name_requests(length(port.dead_name_requests));
}

v1::PortView begin(const ViewSources& from) {
  v1::PortView view;
  view.set_node(from.node);
  view.set_node_id(from.node_id);
  return view;
}

std::optional<proxy::PortUid> uid_of(const ViewSources& from, const ipc::Port& port) {
  return from.proxy != nullptr ? from.proxy->uid_of(port) : std::nullopt;
}

v1::PortView view_of_port(const ViewSources& from, const Sessions& sessions, const ipc::Port& port) {
  v1::PortView view = begin(from);
  fill_port(port, view);
  if (const auto uid = uid_of(from, port)) fill_row(sessions, *from.proxy->port_row(*uid), view);
  fill_peers(sessions, port, view);
  for (ipc::Holding holding : ipc::holdings_of(port.core(), port)) {
    if (holding.place.kind == ipc::Place::Kind::kLink) holding.held = beside_units(holding.held, view);
    if (!is_empty(holding.held)) fill_holding(holding, *view.add_holdings());
  }
  return view;
}

}  // namespace

std::optional<v1::PortView> view_of_name(const ViewSources& from, std::uint64_t task, ipc::Name name) {
  ipc::Space* space = from.engine.find_space(task);
  const ipc::Entry* entry = space != nullptr ? space->find(name) : nullptr;
  if (entry == nullptr) return std::nullopt;
  if (const ipc::Port* port = entry->port()) return view_of_port(from, Sessions(from), *port);
  v1::PortView view = begin(from);
  view.set_state(entry->set ? v1::PortView::SET : v1::PortView::DEAD);
  if (from.proxy != nullptr) view.set_death(from.proxy->death_text(entry->death));
  return view;
}

std::optional<v1::PortView> view_of_uid(const ViewSources& from, const std::string& uid) {
  const std::optional<proxy::PortUid> wanted = read_uid_text(uid);
  if (!wanted || from.proxy == nullptr) return std::nullopt;
  const std::optional<proxy::PortRow> row = from.proxy->port_row(*wanted);
  if (!row) return std::nullopt;
  const Sessions sessions(from);
  if (row->port != nullptr) return view_of_port(from, sessions, *row->port);
  v1::PortView view = begin(from);
  view.set_state(v1::PortView::ABSENT);
  fill_row(sessions, *row, view);
  return view;
}

}  // namespace netmsg::daemon
