// SPDX-License-Identifier: Apache-2.0
// A descriptor that a client has sent, as long as the daemon holds it. It is counted until it is really closed, and
// closed on a thread of its own: to close a file of unknown kind may mean to wait for a file system that the client
// runs, and with the last descriptor of a large memfd its pages are freed. Whoever hands over a file whose close
// never ends keeps the closer busy, for which no file waits whose count matters to anybody else's messages.
//
// Owner: the channel that it came through, then the memory object. Owner thread only; the counts are lowered by the
// closer's thread too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace netmsg::session {

inline constexpr std::size_t kPacketFilesMax = 253;  // that one sendmsg can carry, says the kernel

using FileCount = std::shared_ptr<std::atomic<std::uint32_t>>;

class FileCloser {
 public:
  struct File {
    int fd;
    FileCount of_user;
    FileCount of_all;
  };

  FileCloser();
  // Does not wait for what hangs.
  ~FileCloser();
  FileCloser(const FileCloser&) = delete;
  FileCloser& operator=(const FileCloser&) = delete;

  // Closes it soon, and lowers the counts then.
  void close(File file);

 private:
  struct Queue;
  static void work(const std::shared_ptr<Queue>& queue);
  std::shared_ptr<Queue> queue_;  // shared with the thread
};

class ClientFile {
 public:
  // Raises the counts. `closer` outlives this.
  ClientFile(FileCloser& closer, FileCloser::File file) : closer_(&closer), file_(std::move(file)) {
    ++*file_.of_user;
    ++*file_.of_all;
  }
  ClientFile(ClientFile&& other) noexcept
      : closer_(std::exchange(other.closer_, nullptr)), file_(std::move(other.file_)) {}
  ClientFile& operator=(ClientFile&&) = delete;
  ~ClientFile() {
    if (closer_ != nullptr) closer_->close(std::move(file_));
  }

  int fd() const { return file_.fd; }

 private:
  FileCloser* closer_;  // null: moved from
  FileCloser::File file_;
};

}  // namespace netmsg::session
