// SPDX-License-Identifier: Apache-2.0
#include "client/src/maps_file.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <memory>
#include <new>

#include "client/src/guards.h"

namespace netmsg::client {

namespace {

// The kernel's question about one mapping, whose header is newer than the systems we are built on.
struct MappingQuery {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t address;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t flags;
  std::uint64_t page_size;
  std::uint64_t offset;
  std::uint64_t inode;
  std::uint32_t device[2];
  std::uint32_t name_sizes[2];  // 0: no names are asked for
  std::uint64_t names[2];
};
static_assert(sizeof(MappingQuery) == 104);

constexpr unsigned long kQuery = _IOWR('f', 17, MappingQuery);
constexpr std::uint64_t kCoveringOrNext = 0x10;
constexpr std::uint64_t kReadable = 0x1;
constexpr std::uint64_t kWritable = 0x2;
constexpr std::uint64_t kExecutable = 0x4;
constexpr std::uint64_t kShared = 0x8;

MapsFile::Answer ask(int fd, std::uint64_t address, Mapping* mapping) {
  MappingQuery query{};
  query.size = sizeof query;
  query.query_flags = kCoveringOrNext;
  query.address = address;
  if (::ioctl(fd, kQuery, &query) != 0)
    return errno == ENOENT ? MapsFile::Answer::kNothing : MapsFile::Answer::kUnknown;
  const auto allowed = [&query](std::uint64_t flag, vm_prot_t protection) {
    return (query.flags & flag) != 0 ? protection : VM_PROT_NONE;
  };
  const vm_prot_t protection = allowed(kReadable, VM_PROT_READ) | allowed(kWritable, VM_PROT_WRITE) |
                               allowed(kExecutable, VM_PROT_EXECUTE);
  *mapping = {query.start, query.end, protection, (query.flags & kShared) != 0, query.offset, query.inode};
  return query.end <= kAddressEnd ? MapsFile::Answer::kFound : MapsFile::Answer::kNothing;
}

}  // namespace

MapsFile& MapsFile::current() {
  static MapsFile* const file = new MapsFile;
  return *file;
}

bool MapsFile::answers() {
  return ours() != nullptr;
}

MapsFile::Answer MapsFile::find(std::uint64_t address, Mapping* mapping) {
  const Descriptor* const file = ours();
  return file != nullptr ? ask(file->fd(), address, mapping) : Answer::kUnknown;
}

const Descriptor* MapsFile::ours() {
  const Descriptor* const file = held();
  return file != nullptr && file->still_ours() ? file : nullptr;
}

const Descriptor* MapsFile::held() {
  if (of_no_use_.load(std::memory_order_relaxed)) return nullptr;
  const Descriptor* const file = file_.load(std::memory_order_acquire);
  return file != nullptr ? file : open();
}

// Of several threads that open it at the same moment the first one's is held. Without a lock: a fork would have to wait
// for it.
const Descriptor* MapsFile::open() {
  const QuietSection quiet;
  std::unique_ptr<const Descriptor> file(new (std::nothrow)
                                             Descriptor(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
  if (file == nullptr || file->fd() < 0) return nullptr;
  Mapping any{};
  if (ask(file->fd(), 0, &any) == Answer::kUnknown) {
    of_no_use_.store(true, std::memory_order_relaxed);
    return nullptr;
  }
  const Descriptor* first = nullptr;
  return file_.compare_exchange_strong(first, file.get(), std::memory_order_acq_rel) ? file.release() : first;
}

void MapsFile::forget() {
  delete file_.exchange(nullptr);
}

}  // namespace netmsg::client
