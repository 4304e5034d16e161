// SPDX-License-Identifier: Apache-2.0
// The daemon's end of one watch (proto/local/frame.h, "Watches"): signals out. The other end belongs to the client
// alone; nothing is ever done with it here. What this end does cannot block, whatever the client does with its own:
// a send without waiting, a wait for the client's closing, a close. It takes nothing in: descriptors that a client had put there
// would be closed with it, which may take time.
//
//   State   event                               next
//   open    a signal that the socket takes      open
//           one that it does not take           owing
//   owing   another signal                      owing    the newest one counts
//           the client has read                 open     the signal goes out
//   both    the client has closed               closed   the owner is told
//           close()                             closed
//
// Owner: the session, together with the waits that the event loop holds. Owner thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "daemon/base/unique_fd.h"
#include "daemon/ipc/engine.h"
#include "daemon/session/users.h"
#include "daemon/session/waiting.h"

namespace netmsg::session {

class WatchSocket : public std::enable_shared_from_this<WatchSocket> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The client has closed it. Lets go of the watch; called from the event loop only.
    virtual void watch_closed(const WatchSocket& watch) = 0;
  };

  // `owner` must live until close().
  WatchSocket(asio::io_context& io, base::UniqueFd socket, ipc::WatchId id, UserSlot slot, Owner& owner);
  ~WatchSocket() { close(); }

  ipc::WatchId id() const { return id_; }

  // Begins to wait for the end.
  void start();
  void send(std::uint32_t signal);
  // Idempotent.
  void close();

 private:
  void wait_for_end();
  void wait_for_space();
  void on_end();

  WaitingDescriptor socket_;
  const ipc::WatchId id_;
  UserSlot slot_;
  Owner* owner_;                       // null: closed
  std::optional<std::uint32_t> owed_;  // set while owing
};

}  // namespace netmsg::session
