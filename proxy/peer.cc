// SPDX-License-Identifier: Apache-2.0
#include "proxy/peer.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/mutant.h"
#include "proxy/translate.h"

namespace netmsg::proxy {

namespace {

std::chrono::milliseconds milliseconds_between(base::Instant from, base::Instant to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::max(to, from) - from);
}

// The states of peer.h.
const char* state_name(const std::optional<Stream>& stream, bool session) {
  if (!stream) return session ? "broken" : "down";
  if (stream->state() == Stream::State::kGreeted) return "open";
  if (session) return "resuming";
  return stream->state() == Stream::State::kDialing ? "dialing" : "hello";
}

// What a peer says before it has answered our Hello: does it end the session that we wanted to resume, or was it
// only about the stream?
bool is_final(v1::Fence::Code code) {
  switch (code) {
    case v1::Fence::SUPERSEDED:
    case v1::Fence::LIMIT:
    case v1::Fence::LEASE:
      return false;
    default:
      return true;
  }
}

void visit_right(const ipc::CarriedRight& right, const ipc::RemoteLink::RightVisitor& visitor) {
  if (right.holds_send()) visitor.send(*right.port());
  if (right.holds_send_once()) visitor.send_once(*right.port());
  if (right.holds_receive()) visitor.receive(*right.port());
}

// As of one in a queue.
void visit_rights(const ipc::Message& message, const ipc::RemoteLink::RightVisitor& visitor) {
  if (message.accepted && message.accepted->notify()) visitor.send_once(*message.accepted->notify().port());
  visit_right(message.destination, visitor);
  visit_right(message.reply, visitor);
  for (const ipc::BodyRight& item : message.body) visit_right(item.right, visitor);
}

}  // namespace

Peer::Peer(World& world, PeerIndex index, PeerConfig config)
    : world_(world),
      index_(index),
      config_(std::move(config)),
      dialer_(world.options.timing, world.next_random(), world.clock.now()),
      account_(std::make_unique<ipc::Account>(world.options.limits.account)) {}

Peer::~Peer() {
  NETMSG_CHECK(!stream_ && !session_);
  // Spaces that outlive us still queue what it pays for: then it stays for them.
  if (account_->bytes_used() != 0) (void)account_.release();
}

// --- time ---

void Peer::dial_if_due(base::Instant now) {
  if (stream_ || config_.address.empty() || now < dialer_.due()) return;
  stream_ = Stream::dialing(world_.transport.dial(config_.name, config_.address), now);
}

void Peer::tick(base::Instant now) {
  if (doomed_) return fence(Fault(*doomed_));
  if (session_) {
    if (Check fault = session_->tick(now)) return fence(*fault);
  }
  if (stream_ && now >= silence_ends()) {
    const Fault silent{v1::Fence::LEASE, "no sign of life"};
    session_ ? lose_stream(silent.text) : fence(silent);
  }
}

// Until when we wait for the stream. One that is to carry a session has less time than the session: there must be
// some left for another stream.
base::Instant Peer::silence_ends() const {
  const auto patience = session_ ? world_.options.timing.lease * 3 / 4 : world_.options.timing.lease;
  return (stream_->state() == Stream::State::kGreeted ? stream_->heard() : stream_->since()) + patience;
}

std::optional<base::Instant> Peer::next_deadline() const {
  if (doomed_) return world_.clock.now();
  std::optional<base::Instant> first;
  const auto consider = [&](base::Instant at) { first = std::min(first.value_or(at), at); };
  if (session_) consider(session_->next_deadline(carried()));
  if (stream_) consider(silence_ends());
  if (!stream_ && !config_.address.empty()) consider(dialer_.due());
  return first;
}

void Peer::flush(base::Instant now) {
  touched_ = false;
  if (stream_) write(now);
  ask_for_turn();
}

void Peer::write(base::Instant now) {
  const bool speaks = carried() ? session_->write(stream_->out(), now) : !stream_->out().empty();
  if (!speaks) return;
  for (std::string& bytes : stream_->out().take()) world_.transport.send(stream_->id(), std::move(bytes));
}

void Peer::touch() {
  if (std::exchange(touched_, true)) return;
  world_.touched.push_back(index_);
}

// --- the stream ---

void Peer::connected(const PeerIdentity& identity) {
  if (!stream_ || stream_->state() != Stream::State::kDialing) return;
  v1::Hello hello = make_hello(session_.has_value());
  if (!session_ && !offered_) offered_ = world_.next_random();
  hello.set_nonce(session_ ? session_->nonce() : *offered_);
  stream_->connected(identity, hello, world_.clock.now());
  write(world_.clock.now());
}

Check Peer::admit(StreamId stream, const PeerIdentity& identity, const v1::Hello& hello) {
  Greeting greeting;
  if (Check fault = vet(hello, identity, greeting)) return fault;
  if (Check fault = make_way(greeting)) return fault;
  stream_ = Stream::accepted(stream, identity, world_.clock.now());
  return std::nullopt;
}

// Exchange 1, steps 2 and 3.
Check Peer::make_way(const Greeting& theirs) {
  if (known_ && theirs.incarnation == known_->incarnation && theirs.generation <= known_->generation) {
    return Fault{v1::Fence::SUPERSEDED, "a hello that was overtaken"};
  }
  if (theirs.resumes || goes_on_with(theirs)) return make_way_to_resume(theirs);
  if (session_) {
    fence({v1::Fence::SUPERSEDED, "the peer has lost this session and opens another one"});
  } else if (stream_) {
    if (stream_goes_first(theirs.node)) {
      return Fault{v1::Fence::SUPERSEDED, "both have dialed: the stream of the lower node stays"};
    }
    fence({v1::Fence::SUPERSEDED, "both have dialed: the other stream stays"});
  }
  return std::nullopt;
}

// Exchange 8, step 2.
Check Peer::make_way_to_resume(const Greeting& theirs) {
  const bool known = session_ ? is_our_session(theirs) : offered_ == theirs.nonce;
  if (!known) return Fault{v1::Fence::UNKNOWN_SESSION, "the session to be resumed is over"};
  if (stream_ && stream_goes_first(theirs.node)) {
    return Fault{v1::Fence::SUPERSEDED, "both have dialed: the stream of the lower node stays"};
  }
  if (stream_ && session_) lose_stream("another stream takes its place");
  if (stream_) fence({v1::Fence::SUPERSEDED, "both have dialed: the other stream stays"});
  return std::nullopt;
}

// Exchange 1, the race at its end: they have not heard our answer, and offer the session that we have already.
bool Peer::goes_on_with(const Greeting& theirs) const {
  return session_ && session_->untouched() && is_our_session(theirs);
}

bool Peer::is_our_session(const Greeting& theirs) const {
  return theirs.incarnation == known_->incarnation && theirs.nonce == session_->nonce();
}

// Simultaneous opens: has ours said Hello, and is it the lower node's?
bool Peer::stream_goes_first(const NodeId& theirs) const {
  return stream_->ours() && stream_->state() == Stream::State::kGreeting && world_.options.node < theirs;
}

Check Peer::vet(const v1::Hello& hello, const PeerIdentity& identity, Greeting& greeting) const {
  if (Check fault = read_greeting(hello, world_.options, identity, known_, greeting)) return fault;
  if (open() && known_->node != greeting.node) {
    return Fault{v1::Fence::REFUSED, "another node has this name and a session"};
  }
  const auto taken = world_.open_nodes.find(greeting.node);
  if (taken == world_.open_nodes.end() || taken->second == index_) return std::nullopt;
  return Fault{v1::Fence::REFUSED, "this node has a session under another name"};
}

void Peer::received(std::string_view bytes) {
  if (!stream_) return;
  if (carried()) session_->heard(world_.clock.now());
  const Check fault = stream_->receive(bytes, *this, world_.clock.now());
  if (!fault) return touch();
  if (!session_) offered_.reset();
  const bool about_the_stream = session_ && !stream_->greeted() && !is_final(fault->code);
  about_the_stream ? lose_stream(fault->text) : fence(*fault);
}

void Peer::closed(const std::string& reason) {
  session_ ? lose_stream(reason) : fence({v1::Fence::UNSPECIFIED, reason});
}

// The session waits for another one (exchange 8).
void Peer::lose_stream(const std::string& reason) {
  asked_for_turn_ = false;
  tables_->staging.clear();  // comes again from its beginning
  world_.transport.close(stream_->id());
  stream_.reset();
  last_error_ = reason;
  dialer_.again(world_.clock.now());
}

// Exchange 7. The numbers are its steps.
void Peer::fence(const Fault& why) {
  if (!stream_ && !session_) return;
  if (stream_) end_stream(why);  // (1)
  const bool was_open = open();
  if (was_open) end_session(why);  // (2)
  start_over(why, was_open);       // (4)
}

void Peer::end_stream(const Fault& why) {
  asked_for_turn_ = false;
  const base::Instant now = world_.clock.now();
  write(now);  // what came before the fence
  stream_->end(why);
  write(now);
  world_.transport.close(stream_->id());
  stream_.reset();
}

void Peer::end_session(const Fault& why) {
  past_.frames_sent += session_->sent();
  past_.frames_applied += session_->applied();
  last_fenced_ = session_->nonce();
  session_.reset();
  died_at_home_ = 0;
  doomed_.reset();
  congested_ = false;
  unreferenced_.clear();
  stale_.clear();
  world_.open_nodes.erase(known_->node);
  inbound_.reset();
  const std::unique_ptr<Tables> lost = std::move(tables_);
  lost->drop_all(world_.deaths.add(index_, {Death::Cause::kSession, why, world_.clock.now()}));
  world_.moves->fenced(index_, lost->ends.them);
  world_.introductions->fenced(index_, lost->ends.them, last_fenced_);
}

void Peer::start_over(const Fault& why, bool was_open) {
  dialer_.again(world_.clock.now());
  if (!was_open && why.code == v1::Fence::SUPERSEDED) return;  // another stream goes on for it
  if (was_open || why.code != v1::Fence::UNSPECIFIED)
    last_fence_ = Death{Death::Cause::kSession, why, world_.clock.now()};
  last_error_ = why.text;
  const auto kind = was_open ? Notice::Kind::kDown : Notice::Kind::kUnreachable;
  world_.notices.push_back({kind, {config_.name, {}, {}, 0}, {}, why.text});
}

void Peer::refused(const Fault& why) {
  if (why.code == v1::Fence::SUPERSEDED) return;  // of two streams one goes silently
  last_fence_ = Death{Death::Cause::kSession, why, world_.clock.now()};
}

// --- StreamUser ---

Check Peer::greeted(const v1::Hello& theirs, v1::Hello* answer) {
  Greeting greeting;
  if (Check fault = vet(theirs, stream_->identity(), greeting)) return fault;
  if (answer != nullptr) *answer = make_hello(greeting.resumes.has_value());
  const bool opens = !session_;
  if (Check fault = open_or_resume(greeting, answer == nullptr)) return fault;
  known_ = greeting;
  if (opens) world_.introductions->opened(*this);
  dialer_.opened(world_.clock.now());
  last_error_.clear();
  touch();
  return std::nullopt;
}

Check Peer::frame(const v1::Frame& frame) {
  if (Check fault = session_->expect(frame.number() - tables_->staging.size())) return fault;
  if (frame.has_move() || tables_->staging.open()) return stage(frame);
  return apply_next(frame);
}

// Exchange 12, step 4: a group is applied as one.
Check Peer::stage(const v1::Frame& frame) {
  if (Check fault = tables_->staging.add(frame)) return fault;
  if (!tables_->staging.complete()) return std::nullopt;
  for (const v1::Frame& each : tables_->staging.take()) {
    if (Check fault = apply_next(each)) return fault;
  }
  world_.moves->end_group();
  return std::nullopt;
}

Check Peer::apply_next(const v1::Frame& frame) {
  if (Check fault = apply(frame)) return fault;
  if (frame.has_message() && broken(Rule::kFrameOnce)) (void)apply(frame);
  session_->count_applied(world_.clock.now(), frame.has_chunk() ? data_bytes(frame.chunk()) : 0);
  return std::nullopt;
}

Check Peer::applied(FrameNumber number) {
  if (Check fault = session_->acknowledge(number)) return fault;
  tables_->flight.landed(number);
  world_.moves->acknowledged(index_, number);
  if (!congested_ || session_->unacknowledged_bytes() > world_.options.limits.unacknowledged / 2)
    return std::nullopt;
  congested_ = false;
  refresh_all_windows();
  return std::nullopt;
}

v1::Hello Peer::make_hello(bool resumes) {
  const ipc::Port& port = *world_.name_service.port();
  told_room_ = port.dead() ? 0 : world_.registry.room_for(port, index_);
  v1::Hello hello = proxy::make_hello(world_.options, ++world_.generation, told_room_);
  if (!resumes) return hello;
  hello.set_resume(true);
  hello.set_resume_applied(session_ ? session_->applied() : 0);
  return hello;
}

// One side may have the session already and the other not: the first answer was lost (exchange 1, the race).
Check Peer::open_or_resume(const Greeting& greeting, bool dialed_by_us) {
  const base::Instant now = world_.clock.now();
  if (!session_) {
    if (greeting.resumes && (dialed_by_us || offered_ != greeting.nonce))
      return protocol_error("nothing to resume");
    open_session(greeting);
    return greeting.resumes ? session_->resume(*greeting.resumes, now) : std::nullopt;
  }
  const bool resumes = greeting.resumes && greeting.incarnation == known_->incarnation;
  if (!resumes && (dialed_by_us || !goes_on_with(greeting)))
    return protocol_error("a hello for another session");
  // They have not opened it, so they have told no room in it either.
  if (!resumes) set_room({ends().them, kNameServiceSerial}, greeting.name_service_room, 0);
  return session_->resume(greeting.resumes.value_or(0), now);
}

// Exchange 1, step 6: the units that no frame grants.
void Peer::open_session(const Greeting& greeting) {
  const PeerLimits& limits = world_.options.limits;
  session_.emplace(world_.options.timing, greeting.nonce, world_.clock.now(), limits.bulk_window);
  inbound_.emplace(index_, *account_, limits, world_.options.storage);
  offered_.reset();
  world_.open_nodes[greeting.node] = index_;
  const Origin them{greeting.node, greeting.incarnation};
  tables_ = std::make_unique<Tables>(world_.engine, world_.registry, them, index_);
  tables_->moves = world_.moves;
  const PortUid ours{world_.registry.us(), kNameServiceSerial};
  if (world_.name_service.port()->dead()) {
    port_died(ours);
  } else {
    tables_->exports.grant(world_.name_service.duplicate());
    const std::uint32_t room = world_.registry.room_for(*world_.name_service.port(), index_);
    if (room != told_room_ || greeting.resumes) room_changed(ours, room);
  }
  Holder& theirs = tables_->holders.obtain({them, kNameServiceSerial}, greeting.name_service_room);
  theirs.received = 1;
  world_.notices.push_back({Notice::Kind::kUp,
                            {config_.name, greeting.name, greeting.node, greeting.incarnation},
                            ipc::SendRight::mint(theirs.port()),
                            {}});
}

Check Peer::apply(const v1::Frame& frame) {
  switch (frame.body_case()) {
    case v1::Frame::kMessage:
      return apply_message(frame.message(), frame.number());
    case v1::Frame::kRelease:
      return apply_release(frame.release());
    case v1::Frame::kDied:
      return apply_died(frame.died());
    case v1::Frame::kCredit:
      return apply_credit(frame.credit());
    case v1::Frame::kAccepted:
      return apply_accepted(frame.accepted());
    case v1::Frame::kGrant:
      return world_.introductions->grant(*this, frame.grant());
    case v1::Frame::kGranted:
      return world_.introductions->granted(*this, frame.granted());
    case v1::Frame::kGrantFailed:
      return world_.introductions->grant_failed(*this, frame.grant_failed());
    case v1::Frame::kClaim:
      return world_.introductions->claim(*this, frame.claim());
    case v1::Frame::kClaimAnswer:
      return world_.introductions->claim_answer(*this, frame.claim_answer());
    case v1::Frame::kChunk:
      return apply_chunk(frame.chunk());
    case v1::Frame::kMove:
      return world_.moves->arrive(index_, *account_, frame.move());
    case v1::Frame::kMoved:
      return world_.moves->apply_moved(index_, frame.moved());
    case v1::Frame::kPathClose:
      return world_.moves->apply_path_close(index_, frame.path_close());
    case v1::Frame::kPathLost:
      return world_.moves->apply_path_lost(index_, frame.path_lost());
    case v1::Frame::kHanded:
      return world_.moves->apply_handed(index_, frame.handed());
    case v1::Frame::BODY_NOT_SET:
      break;
  }
  return protocol_error("unknown kind of frame");
}

// --- frames that come in ---

// Exchange 2, steps 4 to 6.
Check Peer::apply_message(const v1::Message& message, FrameNumber number) {
  Freight freight;
  if (message.transfer() != 0) {
    if (Check fault = inbound_->claim(message.transfer(), freight)) return fault;
  }
  Arrival arrival;
  if (Check fault = translate_in(*tables_, world_.engine, *account_, world_.options.limits, message,
                                 std::move(freight), arrival)) {
    return fault;
  }
  if (arrival.refused > 0) world_.log(config_.name + ": rights to ports that are dead or were not given");
  if (arrival.overdrawn) world_.log(config_.name + ": its messages are destroyed: too many bytes queued");
  if (message.forced()) {
    const std::uint64_t receipt = receipt_token(index_, ++world_.receipts);
    tables_->forced.received(receipt, {arrival.destination, number});
    arrival.message->receipt = ipc::Receipt(world_.engine.core(), receipt);
  }
  world_.introductions->arrived(*this, arrival);
  // It is under way no more, which is to be told even if the room is the same.
  if (message.destination_type() == MACH_MSG_TYPE_PORT_SEND) world_.registry.mark_dirty(arrival.destination);
  if (broken(Rule::kRoomWithUnits)) return std::nullopt;
  for (const Arrival::Room& told : arrival.rooms) set_room(told.port, told.room, message.as_of());
  return std::nullopt;
}

// Exchange 4, step 3.
Check Peer::apply_release(const v1::Release& release) {
  PortUid port;
  if (Check fault = read_uid(ends(), release.port(), port)) return fault;
  if (release.units() == 0) return protocol_error("release of nothing");
  if (release.has_from()) return world_.moves->apply_release_from(index_, release);
  Check fault;
  if (world_.moves->release(index_, port, release.units(), fault)) return fault;
  if (tables_->exports.release(port, release.units())) return std::nullopt;
  // Of a port that has come from elsewhere a third daemon may have told the peer, or us, a wrong count.
  const Registry::Entry* known = world_.registry.find(port);
  if (known != nullptr && known->epoch > 0) return std::nullopt;
  return protocol_error("release of more than was granted");
}

// Exchange 6, step 2.
Check Peer::apply_died(const v1::Died& died) {
  PortUid port;
  if (Check fault = read_uid(ends(), died.port(), port)) return fault;
  if (broken(Rule::kDiedIsApplied)) return std::nullopt;
  const Registry::Entry* known = world_.registry.find(port);
  // If it has come there from where its proxy's home is: the peer says it again (exchange 12, step 6).
  if (known != nullptr && known->home && *known->home != index_) return std::nullopt;
  world_.moves->died(index_, port);
  tables_->forced.port_died(port);  // the queue dies before anybody hears of it (spec 01 §10)
  if (const Holder* holder = tables_->holders.find(port)) destroy_waiting(holder->port().link_slot);
  const std::optional<Holder> gone = tables_->holders.remove(port);
  if (!gone) return std::nullopt;
  if (died_at_home_ == 0)
    died_at_home_ = world_.deaths.add(index_, {Death::Cause::kPort, {}, world_.clock.now()});
  gone->port().death = died_at_home_;
  return std::nullopt;  // and with the entry the proxy
}

// Exchange 5.
Check Peer::apply_credit(const v1::Credit& credit) {
  PortUid port;
  if (Check fault = read_uid(ends(), credit.port(), port)) return fault;
  if (broken(Rule::kRoomIsTold)) {
    const Holder* holder = tables_->holders.find(port);
    if (holder != nullptr && holder->room == 0) return std::nullopt;
  }
  set_room(port, credit.room(), credit.as_of());
  return std::nullopt;
}

// Exchange 2, step 6.
Check Peer::apply_accepted(const v1::Accepted& accepted) {
  PortUid port;
  if (Check fault = read_uid(ends(), accepted.port(), port)) return fault;
  tables_->forced.accepted({port, accepted.message()});
  return std::nullopt;
}

Check Peer::apply_chunk(const v1::Chunk& chunk) {
  return inbound_->apply(chunk);
}

void Peer::set_room(const PortUid& port, std::uint32_t room, FrameNumber as_of) {
  Holder* holder = tables_->holders.find(port);
  if (holder == nullptr) return;
  holder->room = room;
  holder->as_of = std::max(holder->as_of, as_of);
  refresh_window(port, *holder);
}

bool Peer::is_full_for(const PortUid& port) const {
  return tables_->holders.size() >= world_.options.limits.proxies && !tables_->holders.contains(port);
}

void Peer::refresh_window(const PortUid& port, Holder& holder) {
  const std::uint32_t outstanding =
      broken(Rule::kFlightIsCounted) ? 0 : tables_->flight.outstanding(port, holder.as_of);
  const std::uint32_t waiting =
      tables_->egress.taking_room(holder.port().link_slot) + world_.moves->held_back(holder.port());
  world_.engine.set_window(holder.port(), congested_ ? 0 : holder.room, outstanding + waiting);
}

void Peer::refresh_all_windows() {
  std::vector<PortUid> ports;
  tables_->holders.for_each([&](const PortUid& port, const Holder&) { ports.push_back(port); });
  for (const PortUid& port : ports) {
    if (Holder* holder = tables_->holders.find(port)) refresh_window(port, *holder);
  }
}

// --- what the engine says ---

bool Peer::can_carry(const ipc::Port& port, ipc::RightType type, std::uint32_t others) const {
  if (!open() || !can_translate(*tables_, port, type)) return false;
  if (port.remote()) return true;
  if (type == ipc::RightType::kReceive && !can_go(Moves::carried_with(const_cast<ipc::Port&>(port))))
    return false;
  const PeerLimits& limits = world_.options.limits;
  return tables_->exports.ports() + others < limits.exports &&
         tables_->exports.send_once_units() + others < limits.send_once_units;
}

// Without a session nothing travels: its proxies are about to die.
ipc::RemoteLink::CarryLimits Peer::carry_limits() const {
  if (!open()) return {0, 0};
  return {known_->limits.bytes, known_->limits.rights};
}

// A message waits for its data to have gone ahead (exchange 9), or for one before it to the same port.
void Peer::forward(ipc::MessagePtr message) {
  if (!open()) {
    // Its session has just died, and the proxy is about to: the message is destroyed with its rights, but a
    // send-once destination goes silently, as on a dead port. Its notification would come back here.
    return message->destination.consume();
  }
  const std::uint64_t slot = message->destination.port()->link_slot;
  std::shared_ptr<const Cargo> cargo = Cargo::unload(*message);
  if (!cargo && !tables_->egress.holds(slot)) return send_off(std::move(message), 0);
  const Ticket ticket = tables_->egress.push(slot, std::move(message), cargo ? 1 : 0);
  if (cargo) tables_->outbound.add(ticket, std::move(cargo));
  touch();
}

void Peer::send_off(ipc::MessagePtr message, std::uint64_t transfer) {
  const std::vector<ipc::Port*> ports = Moves::carried_ports(*message);
  v1::Frame frame;
  frame.mutable_message()->set_transfer(transfer);
  const bool may_go = world_.moves->drained(*message) && can_go(ports) &&
                      pack(*tables_, known_->limits, *message, *frame.mutable_message());
  if (!may_go) return refuse(*message, transfer);
  const std::vector<PortUid> moved = send_ports(ports);
  const FrameNumber number = send(*message, std::move(frame));
  if (!moved.empty()) world_.moves->left(index_, moved, number);
}

// Exchange 12, step 1: may these ports go, with all that is queued at them?
bool Peer::can_go(const std::vector<ipc::Port*>& ports) const {
  std::size_t messages = 0;
  std::uint64_t bytes = 0;
  bool travels = true;
  const bool all = std::all_of(ports.begin(), ports.end(), [&](const ipc::Port* port) {
    port->queue.for_each([&](const ipc::Message& each) {
      ++messages;
      travels = travels && each.size() + each.memory_bytes() <= kFrameMessageMax;
      bytes += each.size() + each.memory_bytes() + 64 * (each.body.size() + 4);
    });
    return !port->remote() && can_go_along(*tables_, known_->limits, *port);
  });
  return all && travels && ports.size() <= kGroupPortsMax && messages < kGroupMessagesMax &&
         bytes <= kGroupBytesMax / 2;
}

// Steps 2 and 3: first what they are, then what is queued at them.
std::vector<PortUid> Peer::send_ports(const std::vector<ipc::Port*>& ports) {
  std::vector<PortUid> moved;
  std::vector<ipc::MessageQueue> queues;
  for (ipc::Port* port : ports) {
    v1::Frame frame;
    queues.push_back(world_.moves->leave(index_, *port, *frame.mutable_move()));
    append(std::move(frame));
    moved.push_back(world_.registry.find(*port)->uid);
  }
  for (ipc::MessageQueue& queue : queues) {
    while (ipc::MessagePtr message = queue.pop()) send_queued(std::move(message));
  }
  return moved;
}

void Peer::send_queued(ipc::MessagePtr message) {
  v1::Frame frame;
  if (broken(Rule::kQueueGoesAlong)) return;
  frame.mutable_message()->set_queued(true);
  if (!pack(*tables_, known_->limits, *message, *frame.mutable_message())) return refuse(*message, 0);
  send(*message, std::move(frame));
}

// It cannot travel, and is destroyed by the caller.
void Peer::refuse(ipc::Message& message, std::uint64_t transfer) {
  world_.log(config_.name + ": a message that cannot travel was destroyed");
  if (!message.sent_to_send_once())
    stale_.push_back(uid_of(message));  // its place in the window is free again
  if (transfer != 0) drop_transfer(transfer, message.take_charge());
  touch();
}

PortUid Peer::uid_of(const ipc::Message& message) const {
  return world_.registry.find(*message.destination.port())->uid;
}

FrameNumber Peer::send(ipc::Message& message, v1::Frame frame) {
  const PortUid port = uid_of(message);
  const bool takes_room = !message.sent_to_send_once();
  std::vector<Introducing> introducing;
  leave_packed(*tables_, session_->applied(), message, *frame.mutable_message(), introducing);
  world_.introductions->introduce(*this, introducing);
  if (broken(Rule::kReleaseAfterUse)) release_if_unused(port);
  if (broken(Rule::kAppendedIsGone)) {
    for (const v1::Right& right : frame.message().rights()) {
      PortUid granted;
      if (right.value() != v1::Right::GRANTED || read_uid({ends().them, ends().us}, right.port(), granted))
        continue;
      tables_->exports.release(granted, 1);
    }
  }
  // Its sender pays until the peer has applied it: one program cannot fill what we keep for a slow peer. For a forced
  // one it pays until that has left its queue.
  const bool forced = message.accepted != nullptr || message.receipt;
  frame.mutable_message()->set_forced(forced);
  const FrameNumber number = append(std::move(frame), forced ? ipc::Charge() : message.take_charge());
  if (forced) {
    tables_->forced.sent({port, number}, std::move(message.accepted), std::move(message.receipt),
                         message.take_charge());
  }
  if (takes_room) tables_->flight.took_off(port, number);
  return number;
}

void Peer::send_off_ready(std::uint64_t slot) {
  while (std::optional<Departure> next = tables_->egress.pop(slot)) {
    const bool has_gone_ahead = tables_->outbound.end(next->ticket);
    send_off(std::move(next->message), has_gone_ahead ? next->ticket : 0);
  }
}

// One chunk at a time, when the stream has nothing else to write and the peer takes it (exchange 9, step 3).
void Peer::ask_for_turn() {
  if (asked_for_turn_ || !open() || !carried() || !tables_->outbound.has_chunk()) return;
  if (session_->bulk_under_way() + kChunkDataBytes > known_->limits.bulk_window) return;
  asked_for_turn_ = true;
  world_.transport.tell_when_drained(stream_->id());
}

void Peer::drained() {
  asked_for_turn_ = false;
  if (!open() || !carried() || !tables_->outbound.has_chunk()) return;
  touch();
  Outbound::Load load = tables_->outbound.load();
  if (load.chunk.pieces_size() == 0) return take_back(load.ticket);
  v1::Frame frame;
  *frame.mutable_chunk() = std::move(load.chunk);
  session_->append_chunk(std::move(frame), std::move(load.cargo), load.place);
  if (!load.last) return;
  const std::uint64_t slot = tables_->egress.find(load.ticket)->destination.port()->link_slot;
  tables_->egress.settle(load.ticket);
  send_off_ready(slot);
}

// Its memory cannot be read any more.
void Peer::take_back(Ticket ticket) {
  world_.log(config_.name + ": a message whose memory cannot be read was destroyed");
  std::vector<Departure> lost;
  lost.push_back({ticket, tables_->egress.take_back(ticket)});
  const std::uint64_t slot = lost.front().message->destination.port()->link_slot;
  if (!lost.front().message->sent_to_send_once())
    stale_.push_back(world_.registry.find(*lost.front().message->destination.port())->uid);
  if (tables_->outbound.end(ticket)) drop_transfer(ticket, lost.front().message->take_charge());
  send_off_ready(slot);
  destroy(std::move(lost));
}

// Exchange 9, step 7.
void Peer::destroy_waiting(std::uint64_t slot) {
  std::vector<Departure> lost = tables_->egress.take_all(slot);
  for (const Departure& each : lost) {
    if (tables_->outbound.end(each.ticket)) drop_transfer(each.ticket, each.message->take_charge());
  }
  destroy(std::move(lost));
}

// The destination is at home elsewhere by now: what waits for it here goes there, as it was sent.
std::vector<ipc::MessagePtr> Peer::recall(std::uint64_t slot) {
  std::vector<ipc::MessagePtr> messages;
  for (Departure& each : tables_->egress.take_all(slot)) {
    if (const auto cargo = tables_->outbound.cargo(each.ticket)) cargo->restore(*each.message);
    if (tables_->outbound.end(each.ticket)) drop_transfer(each.ticket, {});
    messages.push_back(std::move(each.message));
  }
  return messages;
}

// Its chunks keep the data until they are acknowledged, and it is paid for as long.
void Peer::drop_transfer(std::uint64_t transfer, ipc::Charge charge) {
  v1::Frame frame;
  frame.mutable_chunk()->set_transfer(transfer);
  frame.mutable_chunk()->set_dropped(true);
  append(std::move(frame), std::move(charge));
}

FrameNumber Peer::append(v1::Frame frame, ipc::Charge charge) {
  touch();
  const FrameNumber number = session_->append(std::move(frame), std::move(charge));
  if (session_->unacknowledged_bytes() > 4 * world_.options.limits.unacknowledged) {
    doomed_ = Fault{v1::Fence::LIMIT, "too much that the peer has not applied"};
  }
  return number;
}

void Peer::doom(Fault why) {
  if (open() && !doomed_) doomed_ = std::move(why);
}

void Peer::unreferenced(const PortUid& proxy) {
  if (!open()) return;
  unreferenced_.push_back(proxy);
  touch();
}

// Exchange 6, step 1.
void Peer::port_died(const PortUid& port) {
  if (!open()) return;
  v1::Frame frame;
  write_uid(ends(), port, *frame.mutable_died()->mutable_port());
  if (!broken(Rule::kDiedIsTold)) append(std::move(frame));
  tables_->exports.forget(port);
}

void Peer::room_changed(const PortUid& port, std::uint32_t room) {
  if (!open() || !tables_->exports.has_send_units(port)) return;
  v1::Frame frame;
  v1::Credit& credit = *frame.mutable_credit();
  write_uid(ends(), port, *credit.mutable_port());
  credit.set_room(room);
  credit.set_as_of(session_->applied());
  append(std::move(frame));
}

// Exchange 2, step 6.
void Peer::left_queue(std::uint64_t receipt) {
  const std::optional<Forced::Sent> message = open() ? tables_->forced.left(receipt) : std::nullopt;
  if (!message || broken(Rule::kAcceptedIsTold)) return;
  v1::Frame frame;
  write_uid(ends(), message->port, *frame.mutable_accepted()->mutable_port());
  frame.mutable_accepted()->set_message(message->number);
  append(std::move(frame));
}

void Peer::end_of_event() {
  for (const PortUid& port : std::exchange(unreferenced_, {})) release_if_unused(port);
  for (const PortUid& port : std::exchange(stale_, {})) {
    if (Holder* holder = open() ? tables_->holders.find(port) : nullptr) refresh_window(port, *holder);
  }
  if (!open() || congested_ || session_->unacknowledged_bytes() <= world_.options.limits.unacknowledged)
    return;
  congested_ = true;
  refresh_all_windows();
}

// Exchange 4, steps 1 and 2.
void Peer::release_if_unused(const PortUid& port) {
  Holder* holder = open() ? tables_->holders.find(port) : nullptr;
  if (holder == nullptr || holder->port().srights() > 0 || broken(Rule::kReleaseAtAll)) return;
  if (holder->received > 0) {
    v1::Frame frame;
    write_uid(ends(), port, *frame.mutable_release()->mutable_port());
    frame.mutable_release()->set_units(std::exchange(holder->received, 0));
    if (broken(Rule::kReleaseOnce)) append(frame);
    append(std::move(frame));
  }
  if (holder->port().referenced() || world_.moves->stands_for(port))
    return;  // send-once rights have no Release
  const std::optional<Holder> gone = tables_->holders.remove(port);
}

// --- looking in ---

PeerRow Peer::row() const {
  PeerRow row;
  row.name = config_.name;
  row.address = config_.address;
  row.state = state_name(stream_, open());
  row.last_error = last_error_;
  if (last_fence_) {
    row.last_fence = {v1::Fence::Code_Name(last_fence_->fault.code), last_fence_->fault.text,
                      last_fence_->fault.theirs, milliseconds_between(last_fence_->when, world_.clock.now())};
  }
  row.queued_bytes = account_->bytes_used();
  if (known_) {
    row.node = known_->node.hex();
    row.node_name = known_->name;
    row.incarnation = known_->incarnation;
  }
  if (!open()) return row;
  row.age = milliseconds_between(session_->since(), world_.clock.now());
  row.lease_left = milliseconds_between(world_.clock.now(), session_->lease_ends());
  row.frames_sent = session_->sent();
  row.frames_applied = session_->applied();
  row.unacknowledged = session_->unacknowledged();
  row.kept_bytes = session_->unacknowledged_bytes();
  row.congested = congested_;
  row.proxies = static_cast<std::uint32_t>(tables_->holders.size());
  row.exports = static_cast<std::uint32_t>(tables_->exports.ports());
  row.send_once_units = static_cast<std::uint32_t>(tables_->exports.send_once_units());
  return row;
}

void Peer::add_to(Counters& counters) const {
  counters.frames_sent += past_.frames_sent + (session_ ? session_->sent() : 0);
  counters.frames_applied += past_.frames_applied + (session_ ? session_->applied() : 0);
  counters.unacknowledged += session_ ? session_->unacknowledged() : 0;
}

SessionRow Peer::session_row() const {
  SessionRow row{index_, session_->nonce(), session_->applied(), {}, {}, tables_->egress.size()};
  tables_->holders.for_each(
      [&](const PortUid&, const Holder& holder) { row.waiting += world_.moves->held_back(holder.port()); });
  std::vector<UnitRow>& rows = row.units;
  tables_->exports.for_each(
      [&](const PortUid& uid, std::uint64_t send, std::uint64_t send_once, const ipc::Port& port) {
        const std::uint32_t room = world_.registry.room_for(port, index_);
        rows.push_back({UnitRow::Side::kExport, uid, send, send_once, room, &port});
      });
  tables_->holders.for_each([&](const PortUid& uid, const Holder& holder) {
    rows.push_back({UnitRow::Side::kProxy, uid, holder.received, holder.port().sorights(),
                    holder.port().room(), &holder.port()});
  });
  session_->for_each_kept([&](const v1::Frame& frame) { row.kept.push_back(&frame); });
  return row;
}

void Peer::for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const {
  if (!tables_) return;
  tables_->forced.for_each_right(visitor.send_once);
  tables_->egress.for_each([&](const ipc::Message& message) { visit_rights(message, visitor); });
  tables_->exports.for_each_right(visitor.send, visitor.send_once);
  tables_->holders.for_each([&](const PortUid&, const Holder& holder) { visitor.receive(holder.port()); });
}

std::uint64_t Peer::digest() const {
  if (!open()) return 0;
  std::uint64_t digest = mix_in(mix_in(known_->incarnation, session_->sent()), session_->applied());
  digest = mix_in(digest, tables_->forced.digest());
  digest = mix_in(mix_in(digest, tables_->egress.digest()), tables_->outbound.digest());
  digest = mix_in(digest, inbound_->digest());
  digest = mix_in(digest, tables_->exports.digest());
  return mix_in(digest, tables_->holders.digest());
}

void Peer::check_invariants() const {
  NETMSG_CHECK((tables_ != nullptr) == session_.has_value());
  NETMSG_CHECK(!carried() || session_);
  NETMSG_CHECK(!stream_ || stream_->state() != Stream::State::kOver);
  if (!open()) return;
  tables_->exports.check_invariants();
  tables_->holders.check_invariants();
}

}  // namespace netmsg::proxy
