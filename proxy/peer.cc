// SPDX-License-Identifier: Apache-2.0
#include "proxy/peer.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/introductions.h"
#include "proxy/mutant.h"
#include "proxy/translate.h"

namespace netmsg::proxy {

namespace {

// What a peer says before it has answered our Hello: does it end the session that we wanted to resume, or have offered, or
// was it only about the stream?
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
  if (const auto due = owed_due(); due && carried()) consider(*due);
  if (stream_) consider(silence_ends());
  if (!stream_ && !config_.address.empty()) consider(dialer_.due());
  return first;
}

void Peer::flush(base::Instant now) {
  touched_ = false;
  if (stream_) write(now);
  close_windows_if_congested();  // news of room are appended after the event
  ask_for_turn();
}

void Peer::write(base::Instant now) {
  if (carried()) tell_owed_rooms(now);
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
  const bool same = known_ && theirs.incarnation == known_->incarnation;
  if (same && theirs.generation <= known_->generation) {
    return Fault{v1::Fence::SUPERSEDED, "a hello that was overtaken"};
  }
  if (theirs.resumes || goes_on_with(theirs)) return make_way_to_resume(theirs);
  if (same && last_fenced_ != 0 && theirs.nonce == last_fenced_)
    return Fault{v1::Fence::UNKNOWN_SESSION, "this session is over"};
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

void Peer::received(const Rope& bytes) {
  if (!stream_) return;
  if (carried()) session_->heard(world_.clock.now());
  const Check fault = stream_->receive(bytes, *this, world_.clock.now());
  if (!fault) return touch();
  const bool about_the_stream = !stream_->greeted() && !is_final(fault->code);
  if (!session_ && !about_the_stream) offered_.reset();
  if (session_ && about_the_stream) return lose_stream(fault->text);
  fence(*fault);
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
  world_.moves->keep_units(*lost);
  forget_forced(*lost);
  lost->drop_all(world_.deaths.add(index_, {Death::Cause::kSession, why, world_.clock.now()}));
  world_.moves->fenced(index_);
  world_.introductions->fenced(index_, lost->ends.them, last_fenced_);
}

// What was forced into a port that has come to the peer since, by way of another one.
void Peer::forget_forced(const Tables& lost) {
  lost.holders.for_each([this](const PortUid& proxy, const Holder&) { world_.forced_died(proxy); });
}

void World::forced_died(const PortUid& proxy) {
  for (Peer* each : peers) {
    if (each->open()) each->tables()->forced.port_died(proxy);
  }
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
  if (known_ && known_->incarnation != greeting.incarnation) last_fenced_ = 0;
  known_ = greeting;
  if (opens) world_.moves->opened(index_);
  if (opens) world_.introductions->opened(*this);
  dialer_.opened(world_.clock.now());
  last_error_.clear();
  touch();
  return std::nullopt;
}

Check Peer::frame(const Rope& bytes) {
  if (holds_chunk(bytes)) return chunk(bytes);
  const FrameMemory::Loan frame(world_.frame_memory, bytes.size());
  if (!read_frame(bytes, *frame)) return protocol_error("malformed frame");
  if (Check fault = session_->expect(frame->number() - tables_->staging.size())) return fault;
  if (frame->has_move() || tables_->staging.open()) return stage(*frame);
  return apply_next(*frame);
}

Check Peer::chunk(const Rope& frame) {
  Chunk chunk;
  if (!read_chunk(frame, chunk)) return protocol_error("malformed frame");
  if (Check fault = session_->expect(chunk.number - tables_->staging.size())) return fault;
  if (tables_->staging.open()) return protocol_error("a group that does not end");
  if (Check fault = inbound_->apply(chunk)) return fault;
  const std::uint64_t pace = coming_.at(session_->last_heard()).under_way;
  const auto window = std::min<std::uint64_t>(world_.options.limits.bulk_window, pace);
  session_->count_chunk(chunk.data_bytes(), window / 4);
  return std::nullopt;
}

// Exchange 12, step 4: a group is applied as one.
Check Peer::stage(const v1::Frame& frame) {
  if (Check fault = tables_->staging.add(frame)) return fault;
  if (!tables_->staging.complete()) return std::nullopt;
  Check fault;
  for (const v1::Frame& each : tables_->staging.take()) {
    if ((fault = apply_next(each))) break;
  }
  world_.moves->end_group();  // also of one that is broken off
  return fault;
}

Check Peer::apply_next(const v1::Frame& frame) {
  if (Check fault = apply(frame)) return fault;
  if (frame.has_message() && broken(Rule::kFrameOnce)) (void)apply(frame);
  session_->count_applied();
  return std::nullopt;
}

Check Peer::applied(FrameNumber number) {
  const std::uint64_t bulk = session_->bulk_under_way();
  if (Check fault = session_->acknowledge(number)) return fault;
  if (bulk != 0) going_.acknowledged(number, bulk, session_->last_heard());
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
  session_.emplace(world_.options.timing, greeting.nonce, world_.clock.now());
  inbound_.emplace(index_, *account_, limits, world_.options.storage);
  going_ = coming_ = {};
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
    if (room != told_room_ || greeting.resumes) room_changed(ours, room, false);
  }
  Holder& theirs = tables_->holders.obtain({them, kNameServiceSerial}, greeting.name_service_room);
  theirs.received = 1;
  world_.notices.push_back({Notice::Kind::kUp,
                            {config_.name, greeting.name, greeting.node, greeting.incarnation},
                            ipc::SendRight::mint(theirs.port()),
                            {}});
}

}  // namespace netmsg::proxy
