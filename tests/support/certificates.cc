// SPDX-License-Identifier: Apache-2.0
#include "tests/support/certificates.h"

#include <stdexcept>

#include "tests/support/process.h"

namespace netmsg::test {

Certificates::Certificates(const std::vector<std::string>& names) {
  std::vector<std::string> command = {NETMSG_MAKE_CERTS, folder_.path()};
  command.insert(command.end(), names.begin(), names.end());
  if (const auto [status, output] = run(command); status != 0)
    throw std::runtime_error("no certificates: " + output);
}

std::vector<std::string> Certificates::options(const std::string& name) const {
  return {"--tls-cert", path(name + ".crt"), "--tls-key", path(name + ".key"), "--tls-ca", path("ca.crt")};
}

}  // namespace netmsg::test
