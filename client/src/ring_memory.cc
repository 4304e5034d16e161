// SPDX-License-Identifier: Apache-2.0
#include "client/src/ring_memory.h"

#include <sys/mman.h>

namespace netmsg::client {

RingMemory::RingMemory(Descriptor file) {
  if (file.fd() < 0) return;
  void* const pages =
      ::mmap(nullptr, sizeof(local::RingPair), PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
  if (pages == MAP_FAILED) return;
  if (::madvise(pages, sizeof(local::RingPair), MADV_DONTFORK) == 0)
    pair_ = static_cast<local::RingPair*>(pages);
  else
    ::munmap(pages, sizeof(local::RingPair));
}

RingMemory::~RingMemory() {
  if (pair_ != nullptr) ::munmap(pair_, sizeof *pair_);
}

}  // namespace netmsg::client
