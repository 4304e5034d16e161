// SPDX-License-Identifier: Apache-2.0
// A descriptor that a client has sent, as long as the daemon holds it. It is counted, with its bytes, until it is
// really closed, and closed on a thread of its user's own: to close a file of unknown kind may mean to wait for a file
// system that the client runs, and with the last descriptor of a large memfd its pages are freed. Whoever hands over a
// file whose close never ends keeps his own closer busy, and has less and less room for files. Nobody else notices.
//
// Owner: the channel that it came through, then the memory object. Owner thread only; the counts are lowered by the
// closer's thread too.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace netmsg::session {

inline constexpr std::size_t kPacketFilesMax = 253;  // that one sendmsg can carry, says the kernel

// Files that are not closed yet.
struct FileCount {
  std::atomic<std::uint32_t> files = 0;
  std::atomic<std::uint64_t> bytes = 0;  // in those that hold memory
};

// Closes one user's files. It has a thread while there is something to close, and some time longer.
//
// Memory is kept a moment longer than we need it, as long as the user has little of it here: whoever closes a file last frees
// its pages, a tenth of a millisecond for each mebibyte. Sender and receiver of a region give it up about now, the sender
// within his call; so it is neither of them.
class FileCloser {
 public:
  using Linger = std::chrono::milliseconds;
  static constexpr Linger kLinger{5};
  static constexpr std::uint32_t kLingerFilesMax = 16;  // of the user, with that one
  struct File {
    int fd;
    std::shared_ptr<FileCount> of_user;
    std::shared_ptr<FileCount> of_all;
    std::uint64_t bytes = 0;
  };

  // Files linger while the user has at most `linger_bytes_max` bytes of memory here.
  explicit FileCloser(std::uint64_t linger_bytes_max = 0, Linger linger = kLinger)
      : linger_bytes_max_(linger_bytes_max), linger_(linger) {}
  // Does not wait for what hangs; nothing lingers any more.
  ~FileCloser();
  FileCloser(const FileCloser&) = delete;
  FileCloser& operator=(const FileCloser&) = delete;

  // Closes it soon, and lowers the counts then. Without a thread to be had it waits for the next one's closing.
  void close(File file);
  // Does something else of that user's that may have to wait, likewise, and destroys it.
  void run(std::function<void()> work);

 private:
  using Clock = std::chrono::steady_clock;
  struct Queue;
  static void serve(const std::shared_ptr<Queue>& queue);
  bool may_linger(const File& file) const;
  void add(Clock::time_point due, std::function<void()> work);

  const std::uint64_t linger_bytes_max_;
  const Linger linger_;
  std::shared_ptr<Queue> queue_;  // shared with the thread; null: never used
};

class ClientFile {
 public:
  // Raises the counts. `closer` outlives this.
  ClientFile(FileCloser& closer, FileCloser::File file) : closer_(&closer), file_(std::move(file)) {
    ++file_.of_user->files;
    ++file_.of_all->files;
  }
  ClientFile(ClientFile&& other) noexcept
      : closer_(std::exchange(other.closer_, nullptr)), file_(std::move(other.file_)) {}
  ClientFile& operator=(ClientFile&&) = delete;
  ~ClientFile() {
    if (closer_ != nullptr) closer_->close(std::move(file_));
  }

  int fd() const { return file_.fd; }
  // It holds that many. At most once.
  void count_bytes(std::uint64_t bytes) {
    file_.bytes = bytes;
    file_.of_user->bytes += bytes;
    file_.of_all->bytes += bytes;
  }

 private:
  FileCloser* closer_;  // null: moved from
  FileCloser::File file_;
};

}  // namespace netmsg::session
