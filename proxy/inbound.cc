// SPDX-License-Identifier: Apache-2.0
#include "proxy/inbound.h"

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/cargo.h"
#include "proxy/hash.h"
#include "proxy/mutant.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

constexpr std::uint64_t kOutsideMin = 64U << 10;  // smaller parts are kept here

// At most: a mebibyte and what stands around it in a message. So most bodies are put together without being moved.
constexpr std::size_t kFirstRoom = (1U << 20) + 4096;

void make_room(ipc::Bytes& bytes, std::size_t more, std::size_t length_max) {
  const std::size_t needed = bytes.size() + more;
  if (needed > bytes.capacity()) bytes.reserve(std::min(length_max, std::max(kFirstRoom, 2 * needed)));
}

Check check_chunk(const Chunk& chunk) {
  if (chunk.transfer == 0) return protocol_error("transfer 0");
  if (chunk.pieces.empty()) return protocol_error("an empty chunk");
  if (chunk.pieces.size() > kChunkPiecesMax) return protocol_error("too many pieces in a chunk");
  return chunk.data_bytes() > kChunkDataMax ? protocol_error("chunk too large") : std::nullopt;
}

}  // namespace

Check Inbound::apply(const Chunk& chunk) {
  if (chunk.dropped) return drop(chunk);
  if (Check fault = check_chunk(chunk)) return fault;
  if (chunk.transfer > last_) {
    if (Check fault = begin(chunk.transfer)) return fault;
  }
  const auto found = transfers_.find(chunk.transfer);
  if (found == transfers_.end()) return std::nullopt;  // it was dropped
  for (const Chunk::Piece& piece : chunk.pieces) {
    if (Check fault = take(found->second, piece)) return fault;
  }
  return std::nullopt;
}

Check Inbound::drop(const Chunk& chunk) {
  if (!chunk.pieces.empty()) return protocol_error("a dropped transfer with pieces");
  last_ = std::max(last_, chunk.transfer);
  transfers_.erase(chunk.transfer);
  return std::nullopt;
}

Check Inbound::begin(std::uint64_t number) {
  if (transfers_.size() == kTransfersMax) return Fault{v1::Fence::LIMIT, "too many transfers"};
  last_ = number;
  transfers_[number].charge = ipc::Charge::owed(&account_, 0);
  return std::nullopt;
}

Check Inbound::take(Transfer& transfer, const Chunk::Piece& piece) {
  if (piece.data.empty()) return protocol_error("a piece without data");
  if (piece.part) {
    if (Check fault = begin_part(transfer, *piece.part)) return fault;
    if (!transfer.spoilt && !open_part(transfer, *piece.part)) spoil(transfer);
  }
  if (piece.data.size() > transfer.missing) return protocol_error("a piece beyond its part");
  transfer.missing -= piece.data.size();
  if (!transfer.spoilt && !keep(transfer, piece.data)) spoil(transfer);
  return std::nullopt;
}

Check Inbound::begin_part(Transfer& transfer, const v1::Part& head) const {
  if (transfer.missing != 0) return protocol_error("a part within another one");
  if (head.length() == 0) return protocol_error("an empty part");
  if (head.length() > limits_.message_bytes - transfer.announced) return protocol_error("transfer too large");
  if (head.address() >= ipc::kPageSize) return protocol_error("address of a part");
  if (head.body() && transfer.announced != 0) return protocol_error("a body behind memory");
  transfer.announced += head.length();
  transfer.missing = head.length();
  return std::nullopt;
}

bool Inbound::belongs_outside(const Transfer& transfer, const v1::Part& head) const {
  if (storage_ == nullptr || head.body() || head.length() < kOutsideMin) return false;
  const auto outside = [](const Part& part) {
    return part.head.length() >= kOutsideMin && !part.head.body();
  };
  const auto count = std::count_if(transfer.parts.begin(), transfer.parts.end(), outside);
  return static_cast<std::size_t>(count) < limits_.outside_per_message;
}

bool Inbound::open_part(Transfer& transfer, const v1::Part& head) {
  const bool outside = belongs_outside(transfer, head);
  Part& part = transfer.parts.emplace_back(Part{head});
  transfer.charge.grow(sizeof(Part));
  if (account_.overdrawn()) return false;
  if (head.body()) part.here.resize(sizeof(mach_msg_header_t));
  if (!outside) return true;
  part.site = storage_->begin(peer_, head.length(), head.address());
  return part.site != nullptr;
}

bool Inbound::keep(Transfer& transfer, Rope data) {
  Part& part = transfer.parts.back();
  if (!part.site) return keep_here(transfer, part, data);
  while (!data.empty()) {
    if (!part.site->append(std::as_bytes(std::span(data.take_front())))) return false;
  }
  if (transfer.missing > 0) return true;
  part.memory = std::exchange(part.site, nullptr)->finish();
  return part.memory.length() == part.head.length();
}

// It grows with what comes, not with what is announced.
bool Inbound::keep_here(Transfer& transfer, Part& part, Rope data) {
  transfer.charge.grow(data.size());
  if (transfer.charge.account()->overdrawn()) return false;
  make_room(part.here, data.size(), sizeof(mach_msg_header_t) + part.head.length());
  while (!data.empty()) {
    const auto bytes = std::as_bytes(std::span(data.take_front()));
    part.here.insert(part.here.end(), bytes.begin(), bytes.end());
  }
  return true;
}

void Inbound::spoil(Transfer& transfer) {
  transfer.parts.clear();
  transfer.charge = {};
  transfer.spoilt = true;
}

Check Inbound::claim(std::uint64_t transfer, Freight& freight) {
  if (transfer > last_) return protocol_error("a message before its data");
  auto node = transfers_.extract(transfer);
  freight.spoilt = node.empty() || node.mapped().spoilt;
  if (node.empty()) return std::nullopt;
  if (node.mapped().missing != 0 && !broken(Rule::kDataIsWhole))
    return protocol_error("a message without all of its data");
  for (Part& part : node.mapped().parts) {
    if (part.head.body()) {
      freight.body = std::move(part.here);
    } else {
      if (part.memory.length() == 0) part.memory = ipc::MemoryRef::of(std::move(part.here));
      freight.memory.push_back({std::move(part.memory), part.head.address()});
    }
  }
  return std::nullopt;
}

std::uint64_t Inbound::digest() const {
  std::uint64_t digest = last_;
  for (const auto& [number, transfer] : transfers_) {
    digest = mix_in(mix_in(digest, number), transfer.announced);
    digest = mix_in(mix_in(digest, transfer.missing), transfer.spoilt ? 1 : 0);
  }
  return digest;
}

}  // namespace netmsg::proxy
