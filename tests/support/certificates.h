// SPDX-License-Identifier: Apache-2.0
// An authority of a test and certificates of hosts, made by the script that operators use (deploy/make-certs.sh), in a
// temporary folder.
#pragma once

#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace netmsg::test {

class Certificates {
 public:
  // One for each name. Throws std::runtime_error if they cannot be made.
  explicit Certificates(const std::vector<std::string>& names);

  // NAME.crt and NAME.key, ca.crt and ca.key.
  std::string path(const std::string& file) const { return folder_.path() + "/" + file; }
  // What the daemon of this name is told.
  std::vector<std::string> options(const std::string& name) const;

 private:
  TemporaryFolder folder_;
};

}  // namespace netmsg::test
