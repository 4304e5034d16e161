// SPDX-License-Identifier: Apache-2.0
// A daemon without a network or a name service, in the test's own process: an engine and a listener on a
// thread of their own, on a socket in a directory of their own. For tests of the session layer and of the
// client library.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/ipc/engine.h"
#include "daemon/session/listener.h"
#include "tests/support/temporary_folder.h"

namespace netmsg::test {

// Asks until it is so; false: it is not within that time.
bool poll_for(std::chrono::seconds limit, const std::function<bool()>& done);

class TestDaemon {
 public:
  explicit TestDaemon(session::UserLimits user_limits = {}, std::uint32_t lanes_per_task = 4096);
  ~TestDaemon();

  const std::string& path() const { return path_; }

  // Runs `work` on the owner thread and waits for it.
  template <typename Work>
  auto on_owner(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    asio::post(io_, [&task] { task(); });
    return result.get();
  }

  std::vector<session::TaskRow> tasks();
  // Waits until `done()` on the owner thread, at most five seconds; the last answer.
  bool becomes(const std::function<bool()>& done);
  // The same for `done(tasks())`, on the caller's thread: it may ask the daemon what it likes.
  bool tasks_become(const std::function<bool(const std::vector<session::TaskRow>&)>& done);
  // Waits until the daemon holds `count` descriptors of its clients, at most ten seconds.
  bool files_become(std::uint32_t count);
  // As a daemon that ends: all sessions end, the socket goes.
  void stop();

  ipc::Engine& engine() { return engine_; }
  session::Users& users() { return users_; }
  session::Surroundings surroundings();

 private:
  void rearm();

  base::SteadyClock clock_;
  session::Users users_;
  ipc::Engine engine_;
  base::Complaints complaints_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer timer_;
  TemporaryFolder folder_;
  std::string path_;
  std::unique_ptr<session::Listener> listener_;
  std::thread thread_;
};

}  // namespace netmsg::test
