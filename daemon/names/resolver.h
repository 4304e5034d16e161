// SPDX-License-Identifier: Apache-2.0
// The seam to the system's resolver: asks for the addresses
// of a host name without holding up the owner thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace netmsg::names {

class Resolver {
 public:
  virtual ~Resolver() = default;
  // `done` is called once, on the owner thread, after this has returned: numeric addresses, none if there are
  // none. Not after the resolver's end.
  virtual void resolve(const std::string& host,
                       std::function<void(std::vector<std::string> addresses)> done) = 0;
};

}  // namespace netmsg::names
