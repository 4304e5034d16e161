// SPDX-License-Identifier: Apache-2.0
#include "proxy/waiting.h"

#include <algorithm>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"

namespace netmsg::proxy {

namespace {

bool carries(const ipc::Message& message, const ipc::Port& port) {
  return std::any_of(message.body.begin(), message.body.end(), [&](const ipc::BodyRight& item) {
    return item.right.holds_receive() && item.right.port() == &port;
  });
}

}  // namespace

void Waiting::push(const PortUid& uid, ipc::MessagePtr message) {
  const ipc::Port* destination = message->destination.port();
  Queue& queue = queues_.try_emplace(destination, Queue{.uid = uid}).first->second;
  queue.items.push_back({++last_, std::move(message)});
}

void Waiting::block(const ipc::Port* destination, const PortUid& port, base::Instant due) {
  Queue& queue = queues_.at(destination);
  if (!queue.blocked_by) queue.lap = {.nonce = 0, .ways = {}, .due = due};
  unblock(destination, queue);
  queue.blocked_by = port;
  blocked_.emplace(port, destination);
  blocked_.emplace(queue.uid, destination);
}

void Waiting::unblock(const ipc::Port* destination, Queue& queue) {
  if (!queue.blocked_by) return;
  blocked_.erase({*queue.blocked_by, destination});
  blocked_.erase({queue.uid, destination});
  queue.blocked_by.reset();
}

std::vector<const ipc::Port*> Waiting::concerned_by(const PortUid& port) const {
  std::vector<const ipc::Port*> found;
  for (auto at = blocked_.lower_bound({port, nullptr}); at != blocked_.end() && at->first == port; ++at) {
    found.push_back(at->second);
  }
  return found;
}

std::vector<const ipc::Port*> Waiting::destinations() const {
  std::vector<const ipc::Port*> all;
  for (const auto& [destination, queue] : queues_) all.push_back(destination);
  return all;
}

const ipc::Message& Waiting::first(const ipc::Port* destination) const {
  return *queues_.at(destination).items.front().message;
}

ipc::MessagePtr Waiting::pop(const ipc::Port* destination) {
  return take(destination, queues_.at(destination).items.front().ticket);
}

// What is known of a circle was known of the queue as it was.
ipc::MessagePtr Waiting::take(const ipc::Port* destination, Ticket ticket) {
  Queue& queue = queues_.at(destination);
  const auto at = std::find_if(queue.items.begin(), queue.items.end(),
                               [ticket](const Item& each) { return each.ticket == ticket; });
  if (at == queue.items.begin()) unblock(destination, queue);
  ipc::MessagePtr message = std::move(at->message);
  queue.items.erase(at);
  if (queue.items.empty()) queues_.erase(destination);
  return message;
}

std::optional<Waiting::Ticket> Waiting::carrier_of(const ipc::Port* destination,
                                                   const ipc::Port& port) const {
  const std::deque<Item>& items = queues_.at(destination).items;
  const auto at = std::find_if(items.begin(), items.end(),
                               [&](const Item& each) { return carries(*each.message, port); });
  return at == items.end() ? std::nullopt : std::optional(at->ticket);
}

std::uint32_t Waiting::behind(const ipc::Port& proxy) const {
  const auto queue = queues_.find(&proxy);
  return queue == queues_.end() ? 0 : static_cast<std::uint32_t>(queue->second.items.size());
}

std::optional<base::Instant> Waiting::next_lap() const {
  std::optional<base::Instant> first;
  for (const auto& [destination, queue] : queues_)
    first = std::min(first.value_or(queue.lap.due), queue.lap.due);
  return first;
}

void Waiting::for_each(const std::function<void(const ipc::Message&)>& visit) const {
  for (const auto& [destination, queue] : queues_) {
    for (const Item& item : queue.items) visit(*item.message);
  }
}

void Waiting::check_invariants() const {
  for (const auto& [destination, queue] : queues_) {
    NETMSG_CHECK(!queue.items.empty());
    NETMSG_CHECK(queue.blocked_by.has_value());
    NETMSG_CHECK(blocked_.count({*queue.blocked_by, destination}) == 1);
  }
  NETMSG_CHECK(blocked_.size() <= 2 * queues_.size());
}

}  // namespace netmsg::proxy
