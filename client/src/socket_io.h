// SPDX-License-Identifier: Apache-2.0
// Whole pieces in and out of a blocking stream socket. No call here raises SIGPIPE, and a signal handler that
// runs in between changes nothing.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <span>

namespace netmsg::client {

enum class Io {
  kOk,
  kBadMemory,  // the memory given is not readable or not writable; the stream: see below
  kNoFiles,    // the descriptors could not go along; nothing has gone out
  kClosed,     // the other end is gone, or the descriptor is not a socket any more
};

// Sends all the bytes of `parts`. kBadMemory: *started tells if some bytes have gone out (the frame is then
// cut short and the stream of no further use) or none. Uses `parts` up. `files`, at most local::kFilesMax
// descriptors, go with the first byte.
Io send_parts(int fd, std::span<iovec> parts, bool* started, std::span<const int> files = {});
// Sends one piece of the library's own memory.
Io send_all(int fd, const void* bytes, std::size_t size);
// Fills `bytes`. kBadMemory: *done bytes have been read; the rest is still in the stream.
Io receive_all(int fd, void* bytes, std::size_t size, std::size_t* done);
// Reads `size` bytes and forgets them.
Io discard(int fd, std::size_t size);
// Waits until `fd` is ready for `events` (POLLIN, POLLOUT) or its other end is gone. False: the deadline has passed.
bool poll_until(int fd, short events, std::chrono::steady_clock::time_point deadline);

}  // namespace netmsg::client
