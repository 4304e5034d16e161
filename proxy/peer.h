// SPDX-License-Identifier: Apache-2.0
// One configured daemon that we talk to: the stream and the session with it, if there is one, and the tables
// of that session. It applies frames, appends what the engine says, resumes the session when its stream breaks,
// and carries out the fence. Owner thread only; everything that touches rights happens inside an Event.
//
//   state     stream_    session_, tables_  ends by
//   down      -          -                  dial, admit(); a dial is due
//   dialing   kDialing   -                  connected() -> hello; fence() -> down
//   hello     kGreeting  -                  greeted() -> open; fence() -> down
//   open      kGreeted   there              lose_stream() -> broken; fence() -> down
//   broken    -          there              dial, admit() -> resuming; fence() -> down; a dial is due
//   resuming  up to      there              greeted() -> open; lose_stream() -> broken; fence() -> down
//             kGreeting
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/dialer.h"
#include "proxy/hello.h"
#include "proxy/inbound.h"
#include "proxy/pace.h"
#include "proxy/session.h"
#include "proxy/stream.h"
#include "proxy/tables.h"
#include "proxy/world.h"

namespace netmsg::proxy {

class Peer final : private StreamUser {
 public:
  Peer(World& world, PeerIndex index, PeerConfig config);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() override;  // REQUIRES: fenced

  const PeerConfig& config() const { return config_; }
  StreamId stream() const { return stream_ ? stream_->id() : 0; }
  bool open() const { return tables_ != nullptr; }
  // Has one of us something to acknowledge?
  bool under_way() const { return open() && carried() && session_->under_way(); }
  Tables* tables() { return tables_.get(); }  // null: not open
  PeerIndex index() const { return index_; }
  // Who it was when it last said Hello.
  std::optional<Origin> known() const {
    return known_ ? std::optional(Origin{known_->node, known_->incarnation}) : std::nullopt;
  }
  // Of the last session that was fenced; 0 if there was none.
  std::uint64_t last_fenced() const { return last_fenced_; }

  // --- its session. REQUIRES: open ---
  const Ends& ends() const { return tables_->ends; }
  const Origin& them() const { return tables_->ends.them; }
  std::uint64_t nonce() const { return session_->nonce(); }
  FrameNumber applied_frames() const { return session_->applied(); }
  void send(const v1::Frame& frame) { append(frame); }
  void set_room(const PortUid& port, std::uint32_t room, FrameNumber as_of);
  // The proxy dies, with what waits to be appended for it. Does nothing without one.
  void let_die(const PortUid& port);
  // Exchange 4, if nobody has a right to the proxy. Also without a session: then it does nothing.
  void release_if_unused(const PortUid& port);
  // One more of its ports would be one too many.
  bool is_full_for(const PortUid& port) const;

  // --- time ---
  void dial_if_due(base::Instant now);
  // Lease, silent streams, and what was found to be wrong in the middle of an event. May fence.
  void tick(base::Instant now);
  std::optional<base::Instant> next_deadline() const;
  // Writes what is there to be written, or due.
  void flush(base::Instant now);

  // --- the stream ---
  void connected(const PeerIdentity& identity);
  // A stream of theirs with this Hello: shall it be the session's? If so it is ours to receive from now on
  // (beginning with the bytes of that Hello), and what it replaces is fenced or dropped.
  Check admit(StreamId stream, const PeerIdentity& identity, const v1::Hello& hello);
  void received(const Rope& bytes);
  // Nothing waits on the stream: it is the next chunk's turn (exchange 9).
  void drained();
  void closed(const std::string& reason);
  // We have refused a stream of theirs, with a Fence.
  void refused(const Fault& why);
  // The end of whatever there is with this peer (peer.proto, exchange 7). Does nothing when down.
  void fence(const Fault& why);

  // --- what the engine says ---
  bool can_carry(const ipc::Port& port, ipc::RightType type, std::uint32_t others) const;
  ipc::RemoteLink::CarryLimits carry_limits() const;
  void forward(ipc::MessagePtr message);
  void unreferenced(const PortUid& proxy);
  // One of our ports, exported to this peer, has died; has other room.
  void port_died(const PortUid& port);
  // `may_wait`: until something else is said, while the peer may send more than half of that.
  void room_changed(const PortUid& port, std::uint32_t room, bool may_wait);
  // A message of theirs that was forced in has left its queue.
  void left_queue(std::uint64_t receipt);
  // For an exchange that goes through several sessions. REQUIRES: open.
  FrameNumber append(const v1::Frame& frame, ipc::Charge charge = {});
  // The proxy of a port that is at home where it cannot follow.
  void lose_proxy(const PortUid& proxy);
  // Takes back what waits to be appended for the proxy with this link slot.
  std::vector<ipc::MessagePtr> recall(std::uint64_t slot);
  // The session ends at the next tick(), if it is open.
  void doom(Fault why);
  // Releases and windows that the event left to do.
  void end_of_event();

  // --- looking in ---
  PeerRow row() const;
  void add_to(Counters& counters) const;
  // REQUIRES: open.
  SessionRow session_row() const;
  void for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const;
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  // StreamUser
  Check greeted(const v1::Hello& theirs, v1::Hello* answer) override;
  Check frame(const Rope& bytes) override;
  Check applied(FrameNumber number) override;

  // What a Hello leads to.
  v1::Hello make_hello(bool resumes);
  Check open_or_resume(const Greeting& greeting, bool dialed_by_us);
  void open_session(const Greeting& greeting);

  Check chunk(const Rope& frame);
  // One for each kind of frame.
  Check stage(const v1::Frame& frame);
  Check apply_next(const v1::Frame& frame);
  Check apply(const v1::Frame& frame);
  Check apply_message(const v1::Message& message, FrameNumber number);
  Check apply_move(const v1::Move& move);
  Check apply_release(const v1::Release& release);
  Check apply_died(const v1::Died& died);
  Check apply_credit(const v1::Credit& credit);
  Check apply_accepted(const v1::Accepted& accepted);

  // admit(): what is there already, against a stream of theirs.
  Check make_way(const Greeting& theirs);
  Check make_way_to_resume(const Greeting& theirs);
  bool goes_on_with(const Greeting& theirs) const;
  bool is_our_session(const Greeting& theirs) const;  // REQUIRES: there is one
  bool stream_goes_first(const NodeId& theirs) const;
  Check vet(const v1::Hello& hello, const PeerIdentity& identity, Greeting& greeting) const;

  // Exchange 2, steps 2 and 3. Its data has gone ahead as `transfer`, or is in it (0).
  void send_off(ipc::MessagePtr message, std::uint64_t transfer);
  // Messages to the proxy with this link slot that have waited for their turn.
  void send_off_ready(std::uint64_t slot);
  void hold_back(std::uint64_t slot);
  std::uint64_t next_chunk_max() const;
  void ask_for_turn();
  void take_back(Ticket ticket);
  void destroy_waiting(std::uint64_t slot);
  std::optional<Holder> take_dying(const PortUid& proxy);
  void drop_transfer(std::uint64_t transfer, ipc::Charge charge);
  // A message and the ports in it, going out.
  bool can_go(const std::vector<const ipc::Port*>& ports) const;
  std::vector<PortUid> send_ports(const std::vector<ipc::Port*>& ports);
  void send_queued(ipc::MessagePtr message);
  FrameNumber send(ipc::Message& message, v1::Frame& frame);
  void refuse(ipc::Message& message, std::uint64_t transfer);
  PortUid uid_of(const ipc::Message& message) const;
  void touch();
  void tell_room(const PortUid& port, std::uint32_t room);
  void tell_owed_rooms(base::Instant now);
  std::optional<base::Instant> owed_due() const;
  void refresh_window(const PortUid& port, Holder& holder);
  void refresh_all_windows();
  void close_windows_if_congested();
  // Is there a stream that carries frames?
  bool carried() const { return stream_ && stream_->state() == Stream::State::kGreeted; }
  void write(base::Instant now);
  void lose_stream(const std::string& reason);
  void end_stream(const Fault& why);
  void end_session(const Fault& why);
  base::Instant silence_ends() const;
  void forget_forced(const Tables& lost);
  void start_over(const Fault& why, bool was_open);

  World& world_;
  const PeerIndex index_;
  const PeerConfig config_;
  Dialer dialer_;

  std::optional<Stream> stream_;
  std::optional<Session> session_;
  Pace going_, coming_;                    // of bulk
  std::unique_ptr<Tables> tables_;         // there while session_ is
  std::optional<Inbound> inbound_;         // likewise
  std::unique_ptr<ipc::Account> account_;  // pays for messages of theirs in our queues, beyond any session
  std::optional<std::uint64_t> offered_;   // the nonce of a Hello of ours that nobody has answered yet
  std::optional<Greeting> known_;          // the last one, whatever became of it
  std::uint64_t last_fenced_ = 0;          // of the incarnation known; 0: none

  std::uint32_t told_room_ = 0;        // of our name service, in our last Hello
  bool touched_ = false;               // in world_.touched
  bool asked_for_turn_ = false;        // drained() is to come for this stream
  bool congested_ = false;             // unacknowledged bytes above the ceiling: windows are 0
  std::optional<Fault> doomed_;        // found in the middle of an event; tick() fences
  std::vector<PortUid> unreferenced_;  // proxies to look at when the event ends
  std::vector<PortUid> stale_;         // proxies whose window the engine has to be told again

  std::string last_error_;
  std::optional<Death> last_fence_;
  DeathNumber died_at_home_ = 0;  // of ports of this session; 0: none yet
  Counters past_;                 // of the sessions that are over
};

}  // namespace netmsg::proxy
