// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a connection, by the kernel's word (spec 09 §4).
#pragma once

#include <sys/types.h>

#include <optional>

#include "daemon/base/unique_fd.h"

namespace netmsg::session {

struct Identity {
  uid_t uid;
  pid_t pid;               // for people; decisions use the handle
  base::UniqueFd process;  // pidfd: readable when the process has ended
};

// The process that connected `fd`. Nothing if it has ended, or the kernel does not tell (another pid
// namespace), or no descriptor is left.
std::optional<Identity> identify(int fd);

}  // namespace netmsg::session
