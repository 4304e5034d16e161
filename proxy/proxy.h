// SPDX-License-Identifier: Apache-2.0
// The daemon's face towards other daemons: the engine's link to the network. It owns one Peer for each
// configured daemon, tells them what the engine says (RemoteLink) and what the wire says (TransportEvents),
// and brings the answers of both together. Owner thread only; it never blocks and reads no clock but its own.
//
//   composition root -> Proxy -> Peer -> Session   -> bytes
//                                     -> Tables    exports: ours that they hold
//                                                  holders: theirs that we hold
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/engine.h"
#include "daemon/ipc/remote_link.h"
#include "daemon/ipc/right.h"
#include "proxy/introduction.h"
#include "proxy/options.h"
#include "proxy/port_row.h"
#include "proxy/port_uid.h"
#include "proxy/transport.h"

namespace netmsg::v1 {
class Frame;
}  // namespace netmsg::v1

namespace netmsg::proxy {

struct PeerInfo {
  std::string name;       // as configured
  std::string node_name;  // as it calls itself: for people
  NodeId node;
  Incarnation incarnation = 0;
};

// What the composition root wants to hear. Called on the owner thread, between events of the engine; any may
// be empty.
struct Callbacks {
  // A session is open. The right is the unit of its name
  // service that each session starts with; now the callee's.
  std::function<void(const PeerInfo&, ipc::SendRight name_service)> peer_up;
  // That session is over; rights to the peer's ports are dead names by now.
  std::function<void(const std::string& name, const std::string& reason)> peer_down;
  // It could not be reached, or refused us; we go on trying.
  std::function<void(const std::string& name, const std::string& reason)> peer_unreachable;
  // Events have left something to be written, and whoever makes them writes it: write() is owed, soon and once for all of
  // them. May come inside an event, in which write() may be called. Empty: each event writes when it ends.
  std::function<void()> owe_write;
  // One line for the log about a peer; rate-limited by the callee.
  std::function<void(const std::string& line)> log;
};

// How the last session, or the last stream that was refused, has ended.
struct FenceRow {
  std::string code;  // as in peer.proto, Fence
  std::string text;
  bool theirs = false;  // the peer has said so; else we have
  std::chrono::milliseconds ago{0};
};

// One row of `netmsgctl peers`.
struct PeerRow {
  std::string name;
  std::string address;
  std::string state;  // those of peer.h
  std::string node;   // 32 hex digits, empty before the first session
  std::string node_name;
  Incarnation incarnation = 0;
  std::string last_error;  // why the last session or attempt ended
  std::optional<FenceRow> last_fence;
  std::uint64_t queued_bytes = 0;  // of its messages, in our queues
  DeadIntroductions dead_introductions;
  std::chrono::milliseconds age{0};  // of the open session, as all that follows
  std::chrono::milliseconds lease_left{0};
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_applied = 0;
  std::uint64_t unacknowledged = 0;
  std::uint64_t kept_bytes = 0;       // of frames that the peer has not applied
  bool congested = false;             // too many of those: the windows of its ports are 0
  std::uint32_t proxies = 0;          // ports of theirs that we hold rights to
  std::uint32_t exports = 0;          // ports of ours that they hold rights to
  std::uint32_t send_once_units = 0;  // of ours, theirs
};

// For `settle`: equal twice on both hosts, and nothing unacknowledged, means that nothing is under way.
struct Counters {
  std::uint64_t frames_sent = 0;  // over all sessions since the start
  std::uint64_t frames_applied = 0;
  std::uint64_t unacknowledged = 0;  // now
};

// One port as one open session counts it (peer.proto, TABLES): for audits that span hosts. The port is valid until
// the next event.
struct UnitRow {
  enum class Side { kExport, kProxy };
  Side side;
  PortUid uid;
  std::uint64_t send;       // granted; received
  std::uint64_t send_once;  // of ours, at the peer; of theirs, here
  std::uint32_t room;       // for the peer's messages; for ours
  const ipc::Port* port;
};
// What is under way from one side to the other is what the first one keeps beyond what the other one has applied.
struct SessionRow {
  std::size_t peer;  // as in peers()
  std::uint64_t nonce;
  FrameNumber applied;
  std::vector<UnitRow> units;   // exports, then proxies, each by uid
  std::vector<v1::Frame> kept;  // in order
  std::size_t waiting = 0;      // messages that wait to be appended
  std::size_t unfinished = 0;   // transfers, groups and forced messages that have not come to their end
};

class Proxy final : public ipc::RemoteLink, private TransportEvents {
 public:
  // `name_service` is a send right to the local name-service port (serial 0). Engine, clock and transport
  // outlive the Proxy, which makes itself the engine's link here.
  Proxy(ipc::Engine& engine, const base::Clock& clock, Transport& transport, Options options,
        ipc::SendRight name_service, Callbacks callbacks);
  // REQUIRES: stop() was called if start() has succeeded. Best when the engine's spaces are gone: what peers
  // have sent into their queues is charged to accounts of ours, which are then left behind for it.
  ~Proxy() override;

  // Listens and dials. Returns why it cannot, empty if it can.
  std::string start();
  // Tells the peers, fences all sessions (their ports become dead names), closes the transport, leaves the
  // engine. Idempotent.
  void stop();

  // Writes what events have left to be said, in one message for each peer; the room of each port once, as it is now. Also
  // inside an event.
  void write();
  // Does what is due: heartbeats, acknowledgements, leases, dials.
  void tick();
  // When tick() has something to do; nullopt after stop().
  std::optional<base::Instant> next_deadline() const;

  std::vector<PeerRow> peers() const;
  Counters counters() const;
  std::vector<SessionRow> open_sessions() const;
  // What other daemons call this port; nullopt if none knows it.
  std::optional<PortUid> uid_of(const ipc::Port& port) const;
  // nullopt: there is nothing of that uid.
  std::optional<PortRow> port_row(const PortUid& uid) const;
  // The ceilings of every peer's row.
  const PeerLimits& limits() const;
  // Why the proxy died (Port::death), in words; empty for 0.
  std::string death_text(std::uint32_t number) const;
  // No port is on its way between homes, no introduction is open, and nothing is left to do for one that was.
  bool idle() const;
  // Is a peer expected to say something soon, or we to a peer? Something is not acknowledged.
  bool under_way() const;
  // Equal for equal states of all peers' tables; nothing about time or addresses.
  std::uint64_t digest() const;
  // Stops the process if the tables contradict each other or the engine's ports. For tests.
  void check_invariants() const;

  // --- RemoteLink: called by the engine ---
  bool can_carry(const ipc::Port& destination, const ipc::Port& port, ipc::RightType type,
                 std::uint32_t others) const override;
  CarryLimits carry_limits(const ipc::Port& destination) const override;
  void forward(ipc::MessagePtr message) override;
  void hold(ipc::MessagePtr message) override;
  void unreferenced(ipc::Port& proxy) override;
  void room_changed(ipc::Port& port) override;
  void died(ipc::Port& port) override;
  void left_queue(std::uint64_t token) override;
  void end_of_event() override;
  void for_each_right(const RightVisitor& visitor) const override;

 private:
  // --- TransportEvents: called by the transport ---
  void connected(StreamId stream, const PeerIdentity& identity) override;
  void accepted(StreamId stream, const PeerIdentity& identity) override;
  void received(StreamId stream, const Rope& bytes) override;
  void drained(StreamId stream) override;
  void closed(StreamId stream, const std::string& reason) override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace netmsg::proxy
