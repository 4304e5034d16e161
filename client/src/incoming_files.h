// SPDX-License-Identifier: Apache-2.0
// Descriptors that come with an answer on a lane. A handler's longjmp may leave a call at any instant: what has
// arrived is noted where the kernel itself put it, and is closed by whoever uses the lane next.
// Owner: the lane. Threads: the lane's.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>

#include "client/src/socket_io.h"
#include "proto/local/frame.h"

namespace netmsg::client {

class IncomingFiles {
 public:
  IncomingFiles() = default;
  ~IncomingFiles() { clear(); }
  IncomingFiles(const IncomingFiles&) = delete;
  IncomingFiles& operator=(const IncomingFiles&) = delete;

  // As receive_all, for the beginning of a frame: keeps what comes with it, instead of what came with the last one.
  // What follows and is there already goes to `ahead` as far as it fits; *ahead_size says how much that is.
  Io receive(int socket, void* bytes, std::size_t size, std::span<std::byte> ahead, std::size_t* ahead_size);
  // The next one, which the caller closes; -1: this process had no room for it.
  int take();
  // Closes those that were not taken.
  void clear();

 private:
  std::size_t count() const;
  int at(std::size_t index) const;

  alignas(cmsghdr) char control_[CMSG_SPACE(local::kFilesMax * sizeof(int))] = {};
  std::size_t taken_ = 0;
};

}  // namespace netmsg::client
