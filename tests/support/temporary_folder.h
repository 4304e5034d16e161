// SPDX-License-Identifier: Apache-2.0
// A folder of a test's own under the temporary one, gone with its object, and all that is in it.
#pragma once

#include <string>

namespace netmsg::test {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace netmsg::test
