// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/identity.h"

#include <sys/socket.h>
#include <sys/syscall.h>

namespace netmsg::session {

namespace {

#ifndef SO_PEERPIDFD
constexpr int SO_PEERPIDFD = 77;  // Linux 6.5; not yet in the headers of Debian 12
#endif

// Older kernels give the number only. It may have been given to another process if the first one is gone
// already; the end of its connection then ends the task, so the stranger's life merely adds nothing.
base::UniqueFd process_handle(int fd, pid_t pid) {
  int handle = -1;
  socklen_t size = sizeof handle;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &handle, &size) == 0) return base::UniqueFd(handle);
  return base::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

std::optional<Identity> identify(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 || credentials.pid <= 0)
    return std::nullopt;
  base::UniqueFd process = process_handle(fd, credentials.pid);
  if (!process) return std::nullopt;
  return Identity{credentials.uid, credentials.pid, std::move(process)};
}

}  // namespace netmsg::session
