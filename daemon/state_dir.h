// SPDX-License-Identifier: Apache-2.0
// The directory of what survives a restart. While a StateDir lives no other daemon can open the same one.
//
//   lock          held (flock) as long as the daemon runs; its content means nothing
//   incarnation   the last incarnation used, in decimal: each start takes a larger one, stored before use
//   node          this host's id when no certificate gives one: 32 hexadecimal digits, drawn once
//
// A file is replaced by writing a new one, fsync, rename, fsync of the directory: a crash leaves the old or
// the new one. Used at the start, on the main thread.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "daemon/base/unique_fd.h"

namespace netmsg::daemon {

// What went wrong, in words with the path.
struct StateError {
  std::string text;
};
template <typename T>
using StateResult = std::variant<T, StateError>;

class StateDir {
 public:
  // Makes the directory (0700) and its parents if needed, and takes the lock. Errors: cannot be made or
  // written; another daemon uses it.
  static StateResult<StateDir> open(const std::string& path);

  // max(stored + 1, wall_clock_ms), stored before it is returned (peer-protocol §1). Errors: cannot be
  // stored; the file holds no number, or the largest one.
  StateResult<std::uint64_t> next_incarnation(std::uint64_t wall_clock_ms);

  // The stored id; the first time `fresh`, stored before it is returned. Errors: cannot be stored; the file
  // holds no id. REQUIRES: is_node_id(fresh).
  StateResult<std::string> node_id(const std::string& fresh);

 private:
  StateDir(std::string path, base::UniqueFd directory, base::UniqueFd lock)
      : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}
  StateResult<std::string> load(const char* file) const;  // empty if there is none
  StateResult<std::string> store(const char* file, const std::string& text);

  std::string path_;
  base::UniqueFd directory_;
  base::UniqueFd lock_;
};

// 32 lower-case hexadecimal digits.
bool is_node_id(const std::string& text);
// 128 bits from the kernel's generator, as a node id.
std::string random_node_id();

}  // namespace netmsg::daemon
