// SPDX-License-Identifier: Apache-2.0
#include "proxy/egress.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/hash.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

void destroy(std::vector<Departure> all) {
  for (Departure& each : all) {
    each.message->destination.consume();
    each.message.reset();
  }
}

EgressQueues::~EgressQueues() {
  NETMSG_CHECK(empty());
}

bool EgressQueues::holds(std::uint64_t destination) const {
  return queues_.count(destination) != 0 && !broken(Rule::kLaterOnesWait);
}

Ticket EgressQueues::push(std::uint64_t destination, ipc::MessagePtr message, unsigned waits_for) {
  const Ticket ticket = ++last_;
  queues_[destination].push_back({ticket, waits_for, std::move(message)});
  destinations_.emplace(ticket, destination);
  return ticket;
}

void EgressQueues::settle(Ticket ticket) {
  const auto destination = destinations_.find(ticket);
  if (destination == destinations_.end()) return;
  Item& item = *find_in(queues_.at(destination->second), ticket);
  NETMSG_CHECK(item.waits_for > 0);
  --item.waits_for;
}

const ipc::Message* EgressQueues::ready(std::uint64_t destination) const {
  const auto queue = queues_.find(destination);
  const bool is_ready = queue != queues_.end() && queue->second.front().waits_for == 0;
  return is_ready ? queue->second.front().message.get() : nullptr;
}

std::optional<Departure> EgressQueues::pop(std::uint64_t destination) {
  const auto queue = queues_.find(destination);
  if (queue == queues_.end() || queue->second.front().waits_for > 0) return std::nullopt;
  const Ticket ticket = queue->second.front().ticket;
  return Departure{ticket, erase(destination, queue->second, queue->second.begin())};
}

ipc::MessagePtr EgressQueues::take_back(Ticket ticket) {
  const auto found = destinations_.find(ticket);
  if (found == destinations_.end()) return nullptr;
  const std::uint64_t destination = found->second;
  Queue& queue = queues_.at(destination);
  return erase(destination, queue, find_in(queue, ticket));
}

std::vector<Departure> EgressQueues::take_all(std::uint64_t destination) {
  std::vector<Departure> all;
  auto queue = queues_.extract(destination);
  if (queue.empty()) return all;
  for (Item& item : queue.mapped()) {
    destinations_.erase(item.ticket);
    all.push_back({item.ticket, std::move(item.message)});
  }
  return all;
}

std::vector<Departure> EgressQueues::take_all() {
  std::vector<Departure> all;
  while (!queues_.empty()) {
    for (Departure& each : take_all(queues_.begin()->first)) all.push_back(std::move(each));
  }
  return all;
}

const ipc::Message* EgressQueues::find(Ticket ticket) const {
  const auto found = destinations_.find(ticket);
  if (found == destinations_.end()) return nullptr;
  const Queue& queue = queues_.at(found->second);
  const auto at =
      std::find_if(queue.begin(), queue.end(), [&](const Item& item) { return item.ticket == ticket; });
  return at->message.get();
}

Ticket EgressQueues::first(std::uint64_t destination) const {
  const auto queue = queues_.find(destination);
  return queue == queues_.end() ? 0 : queue->second.front().ticket;
}

Ticket EgressQueues::last(std::uint64_t destination) const {
  const auto queue = queues_.find(destination);
  return queue == queues_.end() ? 0 : queue->second.back().ticket;
}

std::uint32_t EgressQueues::waiting_for(std::uint64_t destination) const {
  const auto queue = queues_.find(destination);
  return queue == queues_.end() ? 0 : static_cast<std::uint32_t>(queue->second.size());
}

void EgressQueues::for_each(const std::function<void(const ipc::Message&)>& visit) const {
  for (const auto& [destination, queue] : queues_) {
    for (const Item& item : queue) visit(*item.message);
  }
}

std::uint64_t EgressQueues::digest() const {
  std::uint64_t digest = last_;
  for (const auto& [destination, queue] : queues_) {
    digest = mix_in(digest, destination);
    for (const Item& item : queue) digest = mix_in(mix_in(digest, item.ticket), item.waits_for);
  }
  return digest;
}

EgressQueues::Queue::iterator EgressQueues::find_in(Queue& queue, Ticket ticket) {
  return std::find_if(queue.begin(), queue.end(), [&](const Item& item) { return item.ticket == ticket; });
}

ipc::MessagePtr EgressQueues::erase(std::uint64_t destination, Queue& queue, const Queue::iterator& at) {
  ipc::MessagePtr message = std::move(at->message);
  destinations_.erase(at->ticket);
  queue.erase(at);
  if (queue.empty()) queues_.erase(destination);
  return message;
}

}  // namespace netmsg::proxy
