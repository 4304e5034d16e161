// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/client_file.h"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace netmsg::session {

struct FileCloser::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<File> files;
  bool running = false;  // there is a thread
  bool ended = false;
};

FileCloser::FileCloser() : queue_(std::make_shared<Queue>()) {}

FileCloser::~FileCloser() {
  const std::lock_guard lock(queue_->mutex);
  queue_->ended = true;
  queue_->changed.notify_one();
}

// The thread is made when the first file is to be closed: most daemons' clients never send one.
void FileCloser::close(File file) {
  const std::lock_guard lock(queue_->mutex);
  queue_->files.push_back(std::move(file));
  if (!std::exchange(queue_->running, true)) std::thread(work, queue_).detach();
  queue_->changed.notify_one();
}

void FileCloser::work(const std::shared_ptr<Queue>& queue) {
  std::unique_lock lock(queue->mutex);
  for (;;) {
    queue->changed.wait(lock, [&] { return queue->ended || !queue->files.empty(); });
    if (queue->files.empty()) return;
    const File file = std::move(queue->files.front());
    queue->files.pop_front();
    lock.unlock();
    ::close(file.fd);
    --*file.of_user;
    --*file.of_all;
    lock.lock();
  }
}

}  // namespace netmsg::session
