// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/ring_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace netmsg::session {

std::optional<RingMemory> RingMemory::make(base::UniqueFd* file) {
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  constexpr std::size_t kSize = sizeof(local::RingPair);
  base::UniqueFd memory(::memfd_create("netmsg-lane", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ::ftruncate(memory.get(), static_cast<off_t>(kSize)) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0)
    return std::nullopt;
  void* const pages = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (pages == MAP_FAILED) return std::nullopt;
  *file = std::move(memory);
  return RingMemory(static_cast<local::RingPair*>(pages));
}

RingMemory::~RingMemory() {
  if (pair_ != nullptr) ::munmap(pair_, sizeof *pair_);
}

void RingMemory::give_back_windows() const {
  for (local::Ring* ring : {&pair_->to_daemon, &pair_->to_client})
    ::madvise(ring->window, sizeof ring->window, MADV_REMOVE);
}

}  // namespace netmsg::session
