// SPDX-License-Identifier: Apache-2.0
// A memfd with a region of out-of-line memory that a client has handed over (proto/local/frame.h, "Out-of-line
// memory"). Nobody can change it any more, which was checked when it came. It is never mapped here: it goes to the
// receiver as it is, and only what leaves this host is read.
//
// Charges: its whole size to the user who sent it, apart from buffered bytes, and a descriptor, until it is closed
// (client_file.h).
// Owner: the MemoryRefs that refer to it. Owner thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/ipc/memory.h"
#include "daemon/session/client_file.h"

namespace netmsg::session {

class SealedFile final : public ipc::MemoryObject {
 public:
  // Is that a memfd of exactly `size` bytes, readable, of ordinary pages, that nobody can change? Asks nothing that
  // a file of another kind could let us wait for.
  static bool is_one(int fd, std::uint64_t size);

  // REQUIRES: is_one(file.fd(), offset + length).
  SealedFile(ClientFile file, std::uint16_t offset, std::uint64_t length);
  SealedFile(const SealedFile&) = delete;
  SealedFile& operator=(const SealedFile&) = delete;

  // What `memory` refers to, if that is a file; else null.
  static std::shared_ptr<const SealedFile> behind(const ipc::MemoryRef& memory);

  int fd() const { return file_.fd(); }
  // Where the region begins.
  std::uint16_t offset() const { return offset_; }

  std::uint64_t length() const override { return length_; }
  bool is_here() const override { return false; }
  // False: the kernel cannot give it (it has no memory to bring a page back).
  bool read(std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  const ClientFile file_;
  const std::uint16_t offset_;
  const std::uint64_t length_;
};

}  // namespace netmsg::session
