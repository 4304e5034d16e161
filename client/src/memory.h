// SPDX-License-Identifier: Apache-2.0
// The out-of-line memory of a message, on both sides of its way (spec 02 §§6, 8, 9). Pages are taken and given by
// mmap alone. Threads: any; an object belongs to its thread.
#pragma once

#include <mach/message.h>
#include <mach/port.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "client/src/descriptor.h"
#include "proto/local/frame.h"

namespace netmsg::client {

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t page_floor(std::uint64_t address) {
  return address & ~(kPageSize - 1);
}
// 0 if there is no page above.
inline constexpr std::uint64_t page_ceiling(std::uint64_t address) {
  return page_floor(address + kPageSize - 1);
}

// Asks the kernel: about every page of it, or about its first and last page and what is mapped between them. Touches
// nothing, and faults at nothing.
bool is_readable(const void* memory, std::uint64_t size);

// The same for writing, of memory whose content does not matter.
bool is_writable(void* memory, std::uint64_t size);

// Both in one question, which leaves the content as it is. False also where the kernel does not know it.
bool is_usable(void* memory, std::uint64_t size);

// The answers to such questions: pieces that lie side by side need not be asked about each.
class PagesAsked {
 public:
  // Were all pages of it asked about, with the answer yes?
  bool cover(const void* memory, std::uint64_t size) const;
  // That was the answer for this piece. Earlier ones are kept if they are beside it.
  void add(const void* memory, std::uint64_t size);

 private:
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

// What is known of the place for an answer when its call begins.
struct AnswerPlace {
  PagesAsked writable;
  bool stays = false;  // it will be writable however long the answer takes
};

// Zeroed pages, readable and writable, somewhere; null if there is no room for them. `size` above 0.
void* map_pages(std::uint64_t size);
// The pages that overlap [address, address + length) are gone. REQUIRES: the sum does not overflow.
void unmap_pages(std::uint64_t address, std::uint64_t length);

// What a message to be sent describes out of line, up to the first region that cannot be read or the first item
// that is malformed: the daemon comes no further. States: empty, found.
class SentMemory {
 public:
  enum class Found { kOk, kTooMuch };
  // Takes note of the regions of a complex message, which must be readable; kTooMuch if they are more than
  // `bytes_max` together, or more than can be noted.
  Found find(const void* message, std::uint32_t size, std::uint64_t bytes_max);
  void clear();

  // Puts large regions of data into files, as far as those are to be had and the regions readable.
  void pack();
  // The files are not wanted: they are given up, and all goes as bytes. False: there were none, or it is too much.
  bool unpack();

  std::uint32_t count() const { return static_cast<std::uint32_t>(regions_.size()); }
  // Those that go with the frame; valid until the next call.
  std::span<const int> files();
  // The parts of a frame: those before the regions, and the regions. Valid until the next call. REQUIRES: no more
  // than kPartsBefore of the former.
  static constexpr std::size_t kPartsBefore = 3;
  std::span<iovec> frame(std::span<const iovec> before);

  // Forgets the first region that the kernel could not read, and all behind it. False: it can read all of them.
  bool drop_unreadable();
  // The frame has gone out: the daemon has the files now. A send may block for long, and a child that is forked
  // meanwhile would keep them.
  void close_files();
  // The first `taken` of them are in the message: those that were to be deallocated are.
  void settle(std::uint32_t taken);

 private:
  struct Region {
    std::uint64_t address;
    local::SentRegion wire;
    bool deallocate;
    bool is_data;  // no array of names
    Descriptor file = {};
  };
  void pack(Region& region);
  Found find_all(const void* message, std::uint32_t size, std::uint64_t bytes_max);
  bool can_be_read(const Region& region) const;

  std::vector<Region> regions_;
  std::vector<iovec> parts_;  // room for all that frame() gives: where memory is short, find() says so
  std::array<int, local::kFilesMax> fds_{};
};

// A region of a received message.
struct ReceivedMemory {
  void* pages = nullptr;  // null: there was no room
  char* data = nullptr;   // in the first page
};
// Makes room for `length` bytes, which begin as far into their page as the slot at `slot` of `message` says
// (`message` null: at its beginning), and puts the address into the slot; without room, address and size of the
// item become 0 (02 §6).
ReceivedMemory place_region(char* message, std::uint32_t slot, std::uint64_t length);

// The same for a region in a file, which is closed: maps it privately.
ReceivedMemory place_file(char* message, const local::ReceivedRegion& region, int fd);
// There is no room for the region of that slot.
void lose_region(char* message, std::uint32_t slot);

// The type in the descriptor before the slot; 0 without a message.
mach_msg_type_name_t type_of_item(const char* message, std::uint32_t slot);

// A right whose array found no room; its holder has to give it up.
struct LostRight {
  mach_port_name_t name;
  mach_msg_type_name_t type;
};

}  // namespace netmsg::client
