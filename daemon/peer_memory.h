// SPDX-License-Identifier: Apache-2.0
// Where large memory from peers is kept: in sealed files like those that programs hand over, so that a program here gets
// it as it is (proto/local/frame.h, "Out-of-line memory") and the daemon's heap knows nothing of it. What a peer may have
// is counted like what a user may have, until the file is really closed.
//
// Outlives everything that may hold such memory: queues, sessions. Owner thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "daemon/session/client_file.h"
#include "proxy/storage.h"

namespace netmsg::daemon {

class PeerMemory final : public proxy::Storage {
 public:
  struct Limits {
    std::uint64_t bytes;         // of one peer, whole sizes
    std::uint32_t files;         // of one peer
    std::uint32_t files_of_all;  // of all peers: a share of the descriptors that the daemon may have
  };
  explicit PeerMemory(Limits limits) : limits_(limits) {}

  // Null: a limit is reached, or the system has no file for it.
  std::unique_ptr<proxy::Site> begin(proxy::PeerIndex peer, std::uint64_t length,
                                     std::uint32_t address) override;

 private:
  struct Peer {
    const std::shared_ptr<session::FileCount> files = std::make_shared<session::FileCount>();
    session::FileCloser closer;
  };
  bool has_room(const Peer& peer, std::uint64_t size) const;

  const Limits limits_;
  const std::shared_ptr<session::FileCount> files_ = std::make_shared<session::FileCount>();
  std::map<proxy::PeerIndex, Peer> peers_;
};

}  // namespace netmsg::daemon
