// SPDX-License-Identifier: Apache-2.0
// What the composition root decides about networking: who we are, whom we may talk to, how much of us a peer
// may hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/ipc/quota.h"
#include "proxy/net_id.h"

namespace netmsg::proxy {

class Storage;

// A daemon that we talk to: the allow list and the directory in one.
struct PeerConfig {
  std::string name;     // a DNS name of its certificate; without TLS, its --node name
  std::string address;  // "host:port" to dial; empty: we wait for it to dial us
};

struct Timing {
  std::chrono::milliseconds heartbeat{1000};  // silence of ours is never longer
  std::chrono::milliseconds lease{5000};      // silence of theirs that is their death; the time for a Hello
  std::chrono::milliseconds ack_delay{10};    // how long an acknowledgement waits to travel with a frame
  std::chrono::milliseconds redial_min{50};   // doubled after each failure, with jitter
  std::chrono::milliseconds redial_max{2000};
};

// What one peer may make us hold (C4). The stated answers stand at each line.
struct PeerLimits {
  std::uint32_t message_bytes = (1U << 30) + (1U << 20);  // told in Hello; a larger message from them: fence
  std::uint32_t bulk_window = 4U << 20;      // told in Hello; bytes of chunks that we have not acknowledged
  std::uint32_t outside_per_message = 32;    // pieces of memory that go to the Storage; more are kept here
  std::uint32_t rights_per_message = 16384;  // likewise
  std::uint32_t proxies = 65536;             // one more: fence
  std::uint32_t exports = 65536;             // ours that they know; more: the send fails (NO_BUFFER)
  std::uint32_t send_once_units = 65536;     // ours that they hold; more: the send fails (NO_BUFFER)
  std::uint32_t kept_units = 4096;           // of ours that they want others to have who are not there; more:
                                             // GrantFailed
  std::uint32_t unmatched_units = 4096;  // that came because of them, without their message; more: given up
  std::uint32_t awaited_rights = 65536;  // in messages of theirs, to be granted by others; more: fence
  std::uint64_t unacknowledged = 64ULL << 20;  // bytes of ours that they have not applied; from here on the
                                               // windows of their ports are 0, at four times that: fence
  ipc::Account::Limits account;                // pays for their queued messages; overdrawn: destroyed
};

struct Options {
  NodeId node;
  Incarnation incarnation = 0;
  std::string name;  // our --node name: for people, and without TLS our identity
  std::vector<PeerConfig> peers;
  Timing timing;
  PeerLimits limits;
  std::uint64_t seed = 0;  // of jitter and session nonces
  Storage* storage =
      nullptr;  // outlives the Proxy and all memory in it; null: memory of theirs is kept in our own
};

}  // namespace netmsg::proxy
