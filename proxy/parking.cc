// SPDX-License-Identifier: Apache-2.0
#include "proxy/parking.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/hash.h"

namespace netmsg::proxy {

void fill_slot(ipc::Message& message, std::size_t slot, ipc::CarriedRight right) {
  (slot == 0 ? message.reply : message.body[slot - 1].right) = std::move(right);
}

Parking::~Parking() {
  NETMSG_CHECK(lanes_.empty());
}

ParkingTicket Parking::push(const Lane& lane, ipc::MessagePtr message, std::size_t unsettled) {
  const ParkingTicket ticket = ++last_;
  lanes_[lane].push_back({ticket, unsettled, std::move(message)});
  tickets_.emplace(ticket, lane);
  return ticket;
}

void Parking::settle(ParkingTicket ticket, std::size_t slot, ipc::CarriedRight right) {
  const Item& item = count_settled(ticket);
  if (!item.message->destination.is_dead()) fill_slot(*item.message, slot, std::move(right));
}

Parking::Item& Parking::count_settled(ParkingTicket ticket) {
  std::deque<Item>& lane = lanes_.at(lane_of(ticket));
  const auto item =
      std::lower_bound(lane.begin(), lane.end(), ticket,
                       [](const Item& each, ParkingTicket wanted) { return each.ticket < wanted; });
  NETMSG_CHECK(item->unsettled > 0);
  --item->unsettled;
  return *item;
}

ipc::MessagePtr Parking::pop(const Lane& lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || found->second.front().unsettled > 0) return nullptr;
  Item first = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) lanes_.erase(found);
  tickets_.erase(first.ticket);
  return std::move(first.message);
}

// Giving up rights calls nobody who parks, so the lanes stay as they are.
void Parking::destination_died(const PortUid& port) {
  for (auto at = lanes_.lower_bound({port, 0}); at != lanes_.end() && at->first.port == port; ++at) {
    for (Item& item : at->second) {
      item.message->reply.reset();
      for (ipc::BodyRight& each : item.message->body) each.right.reset();
    }
  }
}

std::vector<std::pair<Parking::Lane, ipc::MessagePtr>> Parking::take_all() {
  std::vector<std::pair<Lane, ipc::MessagePtr>> taken;
  for (auto& [lane, items] : std::exchange(lanes_, {})) {
    for (Item& item : items) taken.emplace_back(lane, std::move(item.message));
  }
  tickets_.clear();
  return taken;
}

void Parking::for_each(const std::function<void(const ipc::Message&)>& visit) const {
  for (const auto& [lane, items] : lanes_) {
    for (const Item& item : items) visit(*item.message);
  }
}

std::uint64_t Parking::digest() const {
  std::uint64_t digest = lanes_.size();
  for (const auto& [lane, items] : lanes_) {
    digest = mix_in(mix_in(digest, digest_of(lane.port)), lane.peer);
    for (const Item& item : items) digest = mix_in(digest, item.unsettled);
  }
  return digest;
}

void Parking::check_invariants() const {
  std::size_t here = 0;
  for (const auto& [lane, items] : lanes_) {
    NETMSG_CHECK(!items.empty());
    NETMSG_CHECK(items.front().unsettled > 0);
    here += items.size();
  }
  NETMSG_CHECK(here == tickets_.size());
}

}  // namespace netmsg::proxy
