// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/session/test_daemon.h"

#include <gtest/gtest.h>

#include <chrono>

namespace netmsg::test {

bool poll_for(std::chrono::seconds limit, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

TestDaemon::TestDaemon(session::UserLimits user_limits, std::uint32_t lanes_per_task)
    : users_(user_limits),
      engine_(clock_, ipc::Limits{}),
      complaints_(clock_, std::chrono::seconds(60)),
      work_(io_.get_executor()),
      timer_(io_),
      path_(folder_.path() + "/socket") {
  session::ListenerOptions options;
  options.path = path_;
  options.lanes_per_task = lanes_per_task;
  auto opened = session::Listener::open(surroundings(), options);
  if (auto* error = std::get_if<std::string>(&opened)) ADD_FAILURE() << *error;
  listener_ = std::move(std::get<std::unique_ptr<session::Listener>>(opened));
  thread_ = std::thread([this] { io_.run(); });
}

TestDaemon::~TestDaemon() {
  stop();
  work_.reset();
  thread_.join();
  EXPECT_EQ(engine_.audit(), std::vector<std::string>());
}

session::Surroundings TestDaemon::surroundings() {
  return {io_, engine_, users_, complaints_, [](ipc::Space&) { return ipc::Name{0}; }, [this] { rearm(); }};
}

void TestDaemon::rearm() {
  const auto deadline = engine_.next_deadline();
  if (!deadline) return;
  timer_.expires_at(*deadline);
  timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    engine_.advance();
    rearm();
  });
}

std::vector<session::TaskRow> TestDaemon::tasks() {
  return on_owner([this] { return listener_->tasks(); });
}

bool TestDaemon::tasks_become(const std::function<bool(const std::vector<session::TaskRow>&)>& done) {
  return poll_for(std::chrono::seconds(5), [&] { return done(tasks()); });
}

bool TestDaemon::becomes(const std::function<bool()>& done) {
  return poll_for(std::chrono::seconds(5), [&] { return on_owner(done); });
}

bool TestDaemon::files_become(std::uint32_t count) {
  return poll_for(std::chrono::seconds(10), [&] { return users_.files() == count; });
}

void TestDaemon::stop() {
  on_owner([this] {
    listener_->close();
    timer_.cancel();
  });
}

}  // namespace netmsg::test
