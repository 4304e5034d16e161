// SPDX-License-Identifier: Apache-2.0
// The system's resolver (getaddrinfo) for the name service. It may take as long as it likes in the system, so
// each question runs on a thread of its own, a few at one time; what is not answered within the limit has no
// addresses. A thread that the system does not let go is left behind, also at the end of the daemon: it
// touches nothing but a shared cell that says whether the daemon is still there. Owner thread.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "daemon/names/resolver.h"

namespace netmsg::daemon {

class SystemResolver final : public names::Resolver {
 public:
  static constexpr std::size_t kThreadsMax = 8;

  // `io` runs on the owner thread and outlives the resolver.
  SystemResolver(asio::io_context& io, std::chrono::milliseconds limit);
  ~SystemResolver() override;

  void resolve(const std::string& host, std::function<void(std::vector<std::string>)> done) override;

 private:
  using Id = std::uint64_t;
  struct Question {
    std::function<void(std::vector<std::string>)> done;
    asio::steady_timer limit;
  };
  // What the threads know. `resolver` is null from the resolver's end on.
  struct Link {
    std::mutex mutex;
    SystemResolver* resolver;
  };

  static void look(const std::shared_ptr<Link>& link, Id id, const std::string& host);
  void start_next();
  void looked(Id id, std::vector<std::string> addresses);  // a thread has ended
  void finish(Id id, std::vector<std::string> addresses);

  asio::io_context& io_;
  std::chrono::milliseconds limit_;
  std::shared_ptr<Link> link_;
  std::map<Id, Question> questions_;
  std::deque<std::pair<Id, std::string>> waiting_;  // for a thread
  std::size_t threads_ = 0;
  Id last_id_ = 0;
};

}  // namespace netmsg::daemon
