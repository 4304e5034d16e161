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
  struct Item {
    Clock::time_point due;
    std::function<void()> work;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Item> items;
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
  const Clock::time_point due = may_linger(file) ? Clock::now() + linger_ : Clock::time_point();
  add(due, [file = std::move(file)] { close_counted(file); });
}

bool FileCloser::may_linger(const File& file) const {
  return file.bytes > 0 && file.of_user->bytes <= linger_bytes_max_ && file.of_user->files <= kLingerFilesMax;
}

void FileCloser::run(std::function<void()> work) {
  add({}, std::move(work));
}

// One after the other: what is due at once may wait behind what lingers. So only a thread that has nothing to do is to be told,
// and told when it can go on: to wake one in vain costs whoever hands over a region twenty microseconds.
void FileCloser::add(Clock::time_point due, std::function<void()> work) {
  if (queue_ == nullptr) queue_ = std::make_shared<Queue>();
  std::unique_lock lock(queue_->mutex);
  const bool was_empty = queue_->items.empty();
  queue_->items.push_back({due, std::move(work)});
  if (!queue_->running) queue_->running = start_thread(serve, queue_);
  lock.unlock();
  if (was_empty) queue_->changed.notify_one();
}

void FileCloser::serve(const std::shared_ptr<Queue>& queue) {
  std::unique_lock lock(queue->mutex);
  for (;;) {
    queue->changed.wait_for(lock, kPatience, [&] { return queue->ended || !queue->items.empty(); });
    if (queue->items.empty()) break;
    queue->changed.wait_until(lock, queue->items.front().due, [&] { return queue->ended; });
    std::function<void()> work = std::move(queue->items.front().work);
    queue->items.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
  queue->running = false;
}

}  // namespace netmsg::session
