// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/client_file.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace netmsg::session {

namespace {

// A thread that has nothing to do waits so long for more.
constexpr std::chrono::seconds kPatience{10};

void close_counted(const FileCloser::File& file) {
  ::close(file.fd);
  for (FileCount* count : {file.of_user.get(), file.of_all.get()}) {
    count->bytes -= file.bytes;
    --count->files;
  }
}

// False: there is none to be had.
template <typename... Work>
bool start_thread(Work... work) {
  try {
    std::thread(work...).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace

struct FileCloser::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<File> files;
  bool running = false;  // there is a thread
  bool ended = false;
};

FileCloser::~FileCloser() {
  if (queue_ == nullptr) return;
  const std::lock_guard lock(queue_->mutex);
  queue_->ended = true;
  queue_->changed.notify_one();
}

void FileCloser::close(File file) {
  if (queue_ == nullptr) queue_ = std::make_shared<Queue>();
  const std::lock_guard lock(queue_->mutex);
  queue_->files.push_back(std::move(file));
  if (!queue_->running) queue_->running = start_thread(work, queue_);
  queue_->changed.notify_one();
}

void FileCloser::work(const std::shared_ptr<Queue>& queue) {
  std::unique_lock lock(queue->mutex);
  for (;;) {
    queue->changed.wait_for(lock, kPatience, [&] { return queue->ended || !queue->files.empty(); });
    if (queue->files.empty()) break;
    const File file = std::move(queue->files.front());
    queue->files.pop_front();
    lock.unlock();
    close_counted(file);
    lock.lock();
  }
  queue->running = false;
}

}  // namespace netmsg::session
