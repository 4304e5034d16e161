// SPDX-License-Identifier: Apache-2.0
// A check that is always on: a bug of ours prints where it was found and stops the process. Nothing that a
// client, a peer or a file sends can reach one (their mistakes are answers, or the end of their session).
#pragma once

namespace netmsg::base {

[[noreturn]] void check_failed(const char* file, int line, const char* what);

}  // namespace netmsg::base

#define NETMSG_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::netmsg::base::check_failed(__FILE__, __LINE__, #condition))
