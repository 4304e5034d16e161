// SPDX-License-Identifier: Apache-2.0
#include "proxy/outbound.h"

#include <utility>

#include "daemon/base/check.h"
#include "proxy/hash.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

void Outbound::add(Ticket ticket, std::shared_ptr<const Cargo> cargo) {
  transfers_.emplace(ticket, Transfer{std::move(cargo)});
  waiting_.push_back(ticket);
  start_next();
}

void Outbound::start_next() {
  while (in_use_ < kTransfersMax && !waiting_.empty()) {
    const Ticket ticket = waiting_.front();
    waiting_.pop_front();
    const auto found = transfers_.find(ticket);
    if (found == transfers_.end()) continue;
    found->second.state = State::kUnderWay;
    turns_.push_back(ticket);
    ++in_use_;
  }
}

Outbound::Load Outbound::load(FrameNumber number, std::uint64_t data_max) {
  NETMSG_CHECK(has_chunk());
  const Ticket ticket = turns_.front();
  turns_.pop_front();
  Transfer& transfer = transfers_.at(ticket);
  const Cargo& cargo = *transfer.cargo;
  Cargo::Chunk chunk = cargo.load(ticket, number, transfer.next, data_max);
  Load load{{ticket, transfer.cargo, transfer.next, chunk.data}, std::move(chunk.frame), false};
  transfer.next = chunk.next;
  load.last = cargo.at_end(transfer.next);
  const bool readable = !load.frame.empty();
  transfer.begun = transfer.begun || readable;
  if (load.last || !readable) {
    transfer.state = State::kLoaded;
  } else {
    turns_.push_back(ticket);
  }
  return load;
}

std::shared_ptr<const Cargo> Outbound::cargo(Ticket ticket) const {
  const auto found = transfers_.find(ticket);
  return found != transfers_.end() ? found->second.cargo : nullptr;
}

bool Outbound::end(Ticket ticket) {
  const auto node = transfers_.extract(ticket);
  if (node.empty()) return false;
  const Transfer& ended = node.mapped();
  if (ended.state == State::kUnderWay) std::erase(turns_, ticket);
  if (ended.state != State::kWaiting) --in_use_;
  start_next();
  return ended.begun;
}

std::uint64_t Outbound::digest() const {
  std::uint64_t digest = transfers_.size();
  for (const auto& [ticket, transfer] : transfers_) {
    digest = mix_in(mix_in(digest, ticket), transfer.next.part);
    digest = mix_in(digest, transfer.next.offset);
  }
  return digest;
}

}  // namespace netmsg::proxy
