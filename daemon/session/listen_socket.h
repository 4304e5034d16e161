// SPDX-License-Identifier: Apache-2.0
// The path where programs find the daemon. The lock beside it (PATH.lock) says whose it is: whoever holds it
// may replace a stale socket, a second daemon is refused. The kernel releases it with its holder, so it never
// has to be removed. Owner: the listener.
#pragma once

#include <sys/types.h>

#include <string>
#include <variant>

#include "daemon/base/unique_fd.h"

namespace netmsg::session {

class ListenSocket {
 public:
  // See Listener::open for the errors. `group` empty: the socket keeps the daemon's group.
  static std::variant<ListenSocket, std::string> open(const std::string& path, mode_t mode,
                                                      const std::string& group);
  ListenSocket(ListenSocket&&) = default;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();  // removes the path

  int fd() const { return socket_.get(); }

 private:
  ListenSocket(std::string path, base::UniqueFd lock, base::UniqueFd socket)
      : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}

  std::string path_;
  base::UniqueFd lock_;
  base::UniqueFd socket_;
};

}  // namespace netmsg::session
