// SPDX-License-Identifier: Apache-2.0
#include "daemon/app_resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <asio/post.hpp>
#include <system_error>
#include <thread>

namespace netmsg::daemon {
namespace {

std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> addresses;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST] = {};
    const int result =
        ::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
    if (result == 0) addresses.emplace_back(text);
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

SystemResolver::SystemResolver(asio::io_context& io, std::chrono::milliseconds limit)
    : io_(io), limit_(limit), link_(std::make_shared<Link>()) {
  link_->resolver = this;
}

SystemResolver::~SystemResolver() {
  const std::lock_guard guard(link_->mutex);
  link_->resolver = nullptr;
}

void SystemResolver::resolve(const std::string& host, std::function<void(std::vector<std::string>)> done) {
  const Id id = ++last_id_;
  Question& question =
      questions_.emplace(id, Question{std::move(done), asio::steady_timer(io_, limit_)}).first->second;
  question.limit.async_wait([this, id](const asio::error_code& error) {
    if (!error) finish(id, {});
  });
  waiting_.emplace_back(id, host);
  start_next();
}

void SystemResolver::start_next() {
  while (threads_ < kThreadsMax && !waiting_.empty()) {
    const auto [id, host] = std::move(waiting_.front());
    waiting_.pop_front();
    if (questions_.count(id) == 0) continue;  // its time is over
    try {
      std::thread(look, link_, id, host).detach();
      ++threads_;
    } catch (const std::system_error&) {
      asio::post(io_, [this, id = id] { finish(id, {}); });
    }
  }
}

// On a thread of its own.
void SystemResolver::look(const std::shared_ptr<Link>& link, Id id, const std::string& host) {
  std::vector<std::string> addresses = addresses_of(host);
  const std::lock_guard guard(link->mutex);
  if (link->resolver == nullptr) return;
  asio::post(link->resolver->io_, [link, id, addresses = std::move(addresses)]() mutable {
    if (link->resolver != nullptr) link->resolver->looked(id, std::move(addresses));
  });
}

void SystemResolver::looked(Id id, std::vector<std::string> addresses) {
  --threads_;
  finish(id, std::move(addresses));
  start_next();
}

void SystemResolver::finish(Id id, std::vector<std::string> addresses) {
  auto question = questions_.extract(id);
  if (question) question.mapped().done(std::move(addresses));
}

}  // namespace netmsg::daemon
