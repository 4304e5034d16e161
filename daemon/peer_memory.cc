// SPDX-License-Identifier: Apache-2.0
#include "daemon/peer_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "daemon/session/sealed_file.h"

namespace netmsg::daemon {

namespace {

// A file that is being written. What stands before the region in its first page stays a hole.
class FileSite final : public proxy::Site {
 public:
  FileSite(session::ClientFile file, std::uint64_t length, std::uint32_t address)
      : file_(std::move(file)), length_(length), address_(address) {}

  bool append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const auto at = static_cast<off_t>(address_ + written_);
      const ssize_t put = ::pwrite(file_.fd(), bytes.data(), bytes.size(), at);
      if (put <= 0) return false;
      written_ += static_cast<std::uint64_t>(put);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return true;
  }

  ipc::MemoryRef finish() override {
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (::fcntl(file_.fd(), F_ADD_SEALS, kSeals) != 0) return {};
    const auto offset = static_cast<std::uint16_t>(address_);
    return ipc::MemoryRef(std::make_shared<const session::SealedFile>(std::move(file_), offset, length_));
  }

 private:
  session::ClientFile file_;
  const std::uint64_t length_;
  const std::uint32_t address_;
  std::uint64_t written_ = 0;
};

}  // namespace

std::unique_ptr<proxy::Site> PeerMemory::begin(proxy::PeerIndex peer, std::uint64_t length,
                                               std::uint32_t address) {
  Peer& owner = peers_[peer];
  if (!has_room(owner, address + length)) return nullptr;
  const int fd = ::memfd_create("netmsg-peer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return nullptr;
  session::ClientFile file(owner.closer, {fd, owner.files, files_});
  file.count_bytes(address + length);
  return std::make_unique<FileSite>(std::move(file), length, address);
}

bool PeerMemory::has_room(const Peer& peer, std::uint64_t size) const {
  if (peer.files->files >= limits_.files || files_->files >= limits_.files_of_all) return false;
  const std::uint64_t used = peer.files->bytes;
  return used <= limits_.bytes && size <= limits_.bytes - used;
}

}  // namespace netmsg::daemon
