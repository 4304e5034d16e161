// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/peer.h"
#include "proxy/world.h"

namespace netmsg::proxy {

namespace {

constexpr std::size_t kUngreetedMax = 32;  // accepted streams that have not said Hello (spec 09 §5)

Options within_protocol(Options options) {
  options.limits.rights_per_message = std::min(options.limits.rights_per_message, kRightsMax);
  return options;
}

// DNS names do not know capitals.
bool same_name(const std::string& a, const std::string& b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// By the certificate; without one, by its word.
bool goes_by(const std::string& name, const PeerIdentity& identity, const v1::Hello& hello) {
  if (!identity.verified) return same_name(name, hello.name());
  return std::any_of(identity.names.begin(), identity.names.end(),
                     [&](const std::string& theirs) { return same_name(name, theirs); });
}

// The Hello that a stream's first bytes begin with.
std::optional<v1::Hello> first_hello(const Rope& bytes) {
  BatchReader reader(bytes);
  v1::Hello hello;
  if (reader.next() != BatchReader::Item::kHello || !read_hello(reader.bytes(), hello)) return std::nullopt;
  return hello;
}

// The peers, as exchanges between several of them see them.
class OpenSessions final : public Sessions {
 public:
  OpenSessions(World& world, std::vector<std::unique_ptr<Peer>>& peers) : world_(world), peers_(peers) {}

  Tables* tables(PeerIndex peer) override { return peers_[peer]->tables(); }
  std::optional<PeerIndex> find(const Origin& daemon) override {
    const auto found = world_.open_nodes.find(daemon.node);
    if (found == world_.open_nodes.end()) return std::nullopt;
    const Tables* tables = peers_[found->second]->tables();
    return tables != nullptr && tables->ends.them == daemon ? std::optional(found->second) : std::nullopt;
  }
  void append(PeerIndex peer, const v1::Frame& frame) override { peers_[peer]->append(frame); }
  void look_at(PeerIndex peer, const PortUid& proxy) override { peers_[peer]->unreferenced(proxy); }
  void doom(PeerIndex peer, Fault why) override { peers_[peer]->doom(std::move(why)); }
  void lose_proxy(PeerIndex peer, const PortUid& proxy) override { peers_[peer]->lose_proxy(proxy); }
  std::vector<ipc::MessagePtr> recall(PeerIndex peer, const ipc::Port& proxy) override {
    return peers_[peer]->recall(proxy.link_slot);
  }
  void send_on(ipc::MessagePtr message) override {
    const Registry::Entry* entry = world_.registry.find(*message->destination.port());
    if (entry == nullptr || !entry->home) return world_.engine.deliver(std::move(message));
    peers_[*entry->home]->forward(std::move(message));
  }

 private:
  World& world_;
  std::vector<std::unique_ptr<Peer>>& peers_;
};

}  // namespace

struct Proxy::Impl {
  enum class Phase { kNew, kRunning, kStopped };

  // A stream of somebody's whose Hello has not come.
  struct Ungreeted {
    PeerIdentity identity;
    base::Instant until;
  };

  World world;
  Introductions introductions{world};
  std::vector<std::unique_ptr<Peer>> peers{};
  OpenSessions sessions{world, peers};
  Moves moves{world.engine, world.clock, world.options, world.registry, sessions};
  std::map<StreamId, Ungreeted> ungreeted{};
  Phase phase = Phase::kNew;
  bool owes_write = false;  // callbacks.owe_write was called, and write() was not

  Peer* with_stream(StreamId stream) {
    const auto found =
        std::find_if(peers.begin(), peers.end(), [&](const auto& peer) { return peer->stream() == stream; });
    return found == peers.end() ? nullptr : found->get();
  }

  // Nullptr if the port is no proxy of ours.
  Peer* home_of(const ipc::Port& port) const {
    const Registry::Entry* entry = world.registry.find(port);
    return entry != nullptr && entry->home ? peers[*entry->home].get() : nullptr;
  }

  void greet(StreamId stream, const PeerIdentity& identity, const Rope& bytes);
  void refuse(StreamId stream, const Fault& why);
  void drop_silent_streams(base::Instant now);
  void tell_rooms();
  void flush(base::Instant now);
  void tell();
};

// --- what Impl does for several callers ---

void Proxy::Impl::greet(StreamId stream, const PeerIdentity& identity, const Rope& bytes) {
  const std::optional<v1::Hello> hello = first_hello(bytes);
  if (!hello) return refuse(stream, {v1::Fence::PROTOCOL, "no hello"});
  const auto peer = std::find_if(peers.begin(), peers.end(), [&](const auto& each) {
    return goes_by(each->config().name, identity, *hello);
  });
  if (peer == peers.end()) return refuse(stream, {v1::Fence::REFUSED, "not an allowed peer"});
  if (Check fault = (*peer)->admit(stream, identity, *hello)) {
    (*peer)->refused(*fault);
    return refuse(stream, *fault);
  }
  (*peer)->received(bytes);
}

void Proxy::Impl::refuse(StreamId stream, const Fault& why) {
  BatchWriter writer;
  v1::Fence fence;
  fence.set_code(why.code);
  fence.set_text(why.text);
  writer.fence(fence);
  for (std::string& bytes : writer.take()) world.transport.send(stream, std::move(bytes));
  world.transport.close(stream);
  if (why.code != v1::Fence::SUPERSEDED) world.log("a stream was refused: " + why.text);
}

void Proxy::Impl::drop_silent_streams(base::Instant now) {
  for (auto at = ungreeted.begin(); at != ungreeted.end();) {
    const auto here = at++;
    if (now < here->second.until) continue;
    refuse(here->first, {v1::Fence::LEASE, "no hello in time"});
    ungreeted.erase(here);
  }
}

void Proxy::Impl::tell_rooms() {
  const Registry& registry = world.registry;
  for (const Registry::Entry* entry : world.registry.take_dirty()) {
    // Holders of a port that has moved follow one after the other, and each change tells those that have come.
    const bool may_wait = entry->epoch == 0;
    for (const PeerIndex peer : entry->peers)
      peers[peer]->room_changed(entry->uid, registry.room_for(*entry->port, peer), may_wait);
  }
}

void Proxy::Impl::flush(base::Instant now) {
  for (const PeerIndex index : std::exchange(world.touched, {})) peers[index]->flush(now);
}

// Between events: a callee may do what it likes, but not destroy us.
void Proxy::Impl::tell() {
  const Callbacks& to = world.callbacks;
  while (!world.notices.empty()) {
    Notice notice = std::move(world.notices.front());
    world.notices.pop_front();
    const std::string& name = notice.peer.name;
    switch (notice.kind) {
      case Notice::Kind::kUp: {
        const ipc::Event event(world.engine);  // a right that nobody takes is dropped here
        if (to.peer_up) to.peer_up(notice.peer, std::move(notice.name_service));
        notice.name_service.reset();
        break;
      }
      case Notice::Kind::kDown:
        if (to.peer_down) to.peer_down(name, notice.reason);
        break;
      case Notice::Kind::kUnreachable:
        if (to.peer_unreachable) to.peer_unreachable(name, notice.reason);
        break;
    }
  }
}

// --- Proxy ---

Proxy::Proxy(ipc::Engine& engine, const base::Clock& clock, Transport& transport, Options options,
             ipc::SendRight name_service, Callbacks callbacks)
    : impl_(new Impl{{engine, clock, transport, within_protocol(std::move(options)), std::move(callbacks),
                      std::move(name_service)}}) {
  World& world = impl_->world;
  NETMSG_CHECK(world.options.peers.size() <= kPeersMax);
  world.moves = &impl_->moves;
  world.registry.add_name_service(*world.name_service.port());
  for (const PeerConfig& config : world.options.peers) {
    const auto index = static_cast<PeerIndex>(impl_->peers.size());
    impl_->peers.push_back(std::make_unique<Peer>(world, index, config));
  }
  world.introductions = &impl_->introductions;
  for (const auto& peer : impl_->peers) world.peers.push_back(peer.get());
  engine.set_link(this);
}

Proxy::~Proxy() {
  NETMSG_CHECK(impl_->phase != Impl::Phase::kRunning);
  stop();
}

std::string Proxy::start() {
  NETMSG_CHECK(impl_->phase == Impl::Phase::kNew);
  std::string error = impl_->world.transport.start(*this);
  if (!error.empty()) return error;
  impl_->phase = Impl::Phase::kRunning;
  tick();
  return {};
}

void Proxy::stop() {
  if (impl_->phase == Impl::Phase::kStopped) return;
  const bool running = impl_->phase == Impl::Phase::kRunning;
  impl_->phase = Impl::Phase::kStopped;
  {
    const ipc::Event event(impl_->world.engine);
    for (const auto& peer : impl_->peers) peer->fence({v1::Fence::STOPPED, "the daemon stops"});
    impl_->ungreeted.clear();
    impl_->introductions.drop_all();
    impl_->moves.drop_all();
    impl_->world.name_service.reset();
  }
  impl_->tell();
  if (running) impl_->world.transport.stop();
  impl_->world.engine.set_link(nullptr);
}

void Proxy::tick() {
  if (impl_->phase != Impl::Phase::kRunning) return;
  const base::Instant now = impl_->world.clock.now();
  {
    const ipc::Event event(impl_->world.engine);
    impl_->moves.tick(now);
    for (const auto& peer : impl_->peers) {
      peer->tick(now);
      peer->dial_if_due(now);
      peer->flush(now);
    }
    impl_->introductions.tick(now);
    impl_->drop_silent_streams(now);
  }
  impl_->tell();
}

std::optional<base::Instant> Proxy::next_deadline() const {
  if (impl_->phase != Impl::Phase::kRunning) return std::nullopt;
  std::optional<base::Instant> first;
  const auto consider = [&](std::optional<base::Instant> at) {
    if (at && (!first || *at < *first)) first = at;
  };
  for (const auto& peer : impl_->peers) consider(peer->next_deadline());
  for (const auto& [stream, waiting] : impl_->ungreeted) consider(waiting.until);
  consider(impl_->moves.next_deadline());
  consider(impl_->introductions.next_deadline());
  return first;
}

std::vector<PeerRow> Proxy::peers() const {
  std::vector<PeerRow> rows;
  for (const auto& peer : impl_->peers) rows.push_back(peer->row());
  return rows;
}

Counters Proxy::counters() const {
  Counters counters;
  for (const auto& peer : impl_->peers) peer->add_to(counters);
  return counters;
}

std::vector<SessionRow> Proxy::open_sessions() const {
  std::vector<SessionRow> rows;
  for (std::size_t at = 0; at < impl_->peers.size(); ++at) {
    const Peer& peer = *impl_->peers[at];
    if (peer.open()) rows.push_back(peer.session_row());
  }
  return rows;
}

std::optional<PortUid> Proxy::uid_of(const ipc::Port& port) const {
  const Registry::Entry* entry = impl_->world.registry.find(port);
  return entry == nullptr ? std::nullopt : std::optional(entry->uid);
}

std::optional<PortRow> Proxy::port_row(const PortUid& uid) const {
  const Registry::Entry* entry = std::as_const(impl_->world.registry).find(uid);
  PortRow row{.uid = uid};
  if (entry != nullptr) {
    row.port = entry->port.get();
    row.epoch = entry->epoch;
    for (const auto& [peer, parked] : entry->parked) row.parked.push_back({peer, parked});
  }
  impl_->moves.add_to(row);
  impl_->introductions.add_to(row);
  if (entry == nullptr && row.settled()) return std::nullopt;
  return row;
}

const PeerLimits& Proxy::limits() const {
  return impl_->world.options.limits;
}

std::string Proxy::death_text(std::uint32_t number) const {
  if (number == 0) return {};
  const std::optional<Death> death = impl_->world.deaths.find(number);
  if (!death) return "no longer known";
  return impl_->peers[Deaths::peer_of(number)]->config().name + ": " + proxy::death_text(*death);
}

bool Proxy::idle() const {
  return impl_->moves.idle() && impl_->introductions.idle();
}

bool Proxy::under_way() const {
  return std::any_of(impl_->peers.begin(), impl_->peers.end(),
                     [](const auto& peer) { return peer->under_way(); });
}

std::uint64_t Proxy::digest() const {
  std::uint64_t digest = impl_->moves.digest();
  digest = mix_in(digest, impl_->introductions.digest());
  for (const auto& peer : impl_->peers) digest = mix_in(digest, peer->digest());
  return digest;
}

void Proxy::check_invariants() const {
  NETMSG_CHECK(impl_->world.notices.empty());
  impl_->world.registry.check_invariants();
  impl_->moves.check_invariants();
  impl_->introductions.check_invariants();
  for (const auto& peer : impl_->peers) peer->check_invariants();
}

// --- RemoteLink ---

bool Proxy::can_carry(const ipc::Port& destination, const ipc::Port& port, ipc::RightType type,
                      std::uint32_t others) const {
  const Peer* peer = impl_->home_of(destination);
  if (peer == nullptr) return impl_->introductions.stands_in(destination);
  return peer->can_carry(port, type, others);
}

ipc::RemoteLink::CarryLimits Proxy::carry_limits(const ipc::Port& destination) const {
  const Peer* peer = impl_->home_of(destination);
  return peer != nullptr ? peer->carry_limits() : CarryLimits{0, 0};
}

void Proxy::forward(ipc::MessagePtr message) {
  Peer* peer = impl_->home_of(*message->destination.port());
  if (peer == nullptr && impl_->introductions.hold(message)) return;
  if (peer == nullptr) return message->destination.consume();
  if (impl_->moves.hold_back(message)) return;
  peer->forward(std::move(message));
}

void Proxy::hold(ipc::MessagePtr message) {
  impl_->moves.hold(std::move(message));
}

void Proxy::unreferenced(ipc::Port& proxy) {
  if (Peer* peer = impl_->home_of(proxy)) peer->unreferenced(impl_->world.registry.find(proxy)->uid);
}

void Proxy::room_changed(ipc::Port& port) {
  impl_->world.registry.mark_dirty(port);
}

void Proxy::died(ipc::Port& port) {
  const Registry::Entry dead = impl_->world.registry.remove(port);
  if (dead.epoch > 0) impl_->world.forced_died(dead.uid);  // by us, when it was at home elsewhere
  if (!dead.parked.empty()) impl_->introductions.port_died(dead.uid);
  for (const PeerIndex peer : dead.peers) impl_->peers[peer]->port_died(dead.uid);
  impl_->moves.forget(dead.uid, dead.peers);
}

void Proxy::left_queue(std::uint64_t token) {
  impl_->peers[receipt_peer(token)]->left_queue(token);
}

void Proxy::end_of_event() {
  impl_->introductions.end_of_event();
  impl_->moves.end_of_event();
  const std::vector<PeerIndex>& touched = impl_->world.touched;  // may grow meanwhile
  for (std::size_t at = 0; at < touched.size(); ++at) impl_->peers[touched[at]]->end_of_event();
  if (touched.empty() && !impl_->world.registry.has_dirty()) return;
  if (!impl_->world.callbacks.owe_write) return write();
  if (!std::exchange(impl_->owes_write, true)) impl_->world.callbacks.owe_write();
}

void Proxy::write() {
  impl_->owes_write = false;
  impl_->tell_rooms();
  if (impl_->world.touched.empty()) return;
  impl_->flush(impl_->world.clock.now());
}

void Proxy::for_each_right(const RightVisitor& visitor) const {
  if (impl_->world.name_service) visitor.send(*impl_->world.name_service.port());
  for (const Notice& notice : impl_->world.notices) {
    if (notice.name_service) visitor.send(*notice.name_service.port());
  }
  impl_->introductions.for_each_right(visitor);
  for (const auto& peer : impl_->peers) peer->for_each_right(visitor);
  impl_->moves.for_each_right(visitor);
}

// --- TransportEvents ---

void Proxy::connected(StreamId stream, const PeerIdentity& identity) {
  if (Peer* peer = impl_->with_stream(stream)) peer->connected(identity);
}

void Proxy::accepted(StreamId stream, const PeerIdentity& identity) {
  if (impl_->ungreeted.size() == kUngreetedMax) {
    return impl_->refuse(stream, {v1::Fence::LIMIT, "too many streams without hello"});
  }
  const base::Instant until = impl_->world.clock.now() + impl_->world.options.timing.lease;
  impl_->ungreeted.emplace(stream, Impl::Ungreeted{identity, until});
}

void Proxy::received(StreamId stream, const Rope& bytes) {
  {
    const ipc::Event event(impl_->world.engine);
    if (const auto node = impl_->ungreeted.extract(stream)) {
      impl_->greet(stream, node.mapped().identity, bytes);
    } else if (Peer* peer = impl_->with_stream(stream)) {
      peer->received(bytes);
    }
  }
  impl_->tell();
}

void Proxy::drained(StreamId stream) {
  {
    const ipc::Event event(impl_->world.engine);
    if (Peer* peer = impl_->with_stream(stream)) peer->drained();
  }
  impl_->tell();
}

void Proxy::closed(StreamId stream, const std::string& reason) {
  {
    const ipc::Event event(impl_->world.engine);
    impl_->ungreeted.erase(stream);
    if (Peer* peer = impl_->with_stream(stream)) peer->closed(reason);
  }
  impl_->tell();
}

}  // namespace netmsg::proxy
