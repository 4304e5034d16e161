// SPDX-License-Identifier: Apache-2.0
// A task's memory for a backend that has no process: pages that are there or not, and what a client does with
// them for out-of-line items (spec 02 §6, §8, §9).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "daemon/ipc/engine.h"
#include "tests/conformance/backend.h"

namespace netmsg::conformance {

class TaskMemory {
 public:
  // Fresh pages with `content`, which begins `offset` bytes into the first one.
  Address place(const Bytes& content, Address offset = 0);
  // Nothing if not all of it is there.
  std::optional<Bytes> read(Address address, std::uint64_t size) const;
  // The pages that overlap [address, address + size) are gone.
  void drop(Address address, std::uint64_t size);

 private:
  Address next_ = Address{1} << 32;
  std::map<Address, Bytes> pages_;
};

// The regions of a message to be sent, up to the first that is not readable or the first item that is malformed.
class SentRegions {
 public:
  SentRegions() = default;
  SentRegions(const Bytes& message, const TaskMemory& memory);

  std::vector<ipc::MemoryRef> take() { return std::move(refs_); }
  // The first `taken` are in the message: those with the deallocate bit leave `memory`.
  void deallocate(std::uint32_t taken, TaskMemory& memory) const;

 private:
  struct Region {
    Address address;
    std::uint64_t size;
    bool deallocate;
  };
  std::vector<Region> regions_;
  std::vector<ipc::MemoryRef> refs_;
};

// Places what came with `result` in `memory`, and its addresses in result.bytes.
void place_regions(ipc::MsgResult& result, TaskMemory& memory);

}  // namespace netmsg::conformance
