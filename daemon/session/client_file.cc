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
  std::deque<std::function<void()>> work;
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
  run([file = std::move(file)] { close_counted(file); });
}

void FileCloser::run(std::function<void()> work) {
  if (queue_ == nullptr) queue_ = std::make_shared<Queue>();
  const std::lock_guard lock(queue_->mutex);
  queue_->work.push_back(std::move(work));
  if (!queue_->running) queue_->running = start_thread(serve, queue_);
  queue_->changed.notify_one();
}

void FileCloser::serve(const std::shared_ptr<Queue>& queue) {
  std::unique_lock lock(queue->mutex);
  for (;;) {
    queue->changed.wait_for(lock, kPatience, [&] { return queue->ended || !queue->work.empty(); });
    if (queue->work.empty()) break;
    std::function<void()> work = std::move(queue->work.front());
    queue->work.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
  queue->running = false;
}

}  // namespace netmsg::session
