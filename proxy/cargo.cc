// SPDX-License-Identifier: Apache-2.0
#include "proxy/cargo.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

constexpr std::size_t kHeaderSize = sizeof(mach_msg_header_t);

// Of the memory that belongs to the slot: all that stands there while the message is in transit.
std::uint32_t address_at(const ipc::Message& message, std::uint32_t slot) {
  std::uint64_t address;
  std::memcpy(&address, message.bytes.data() + slot, sizeof address);
  return static_cast<std::uint32_t>(ipc::page_offset(address));
}

}  // namespace

std::shared_ptr<const Cargo> Cargo::unload(ipc::Message& message) {
  if (message.size() + message.memory_bytes() <= kFrameDataBytes) return nullptr;
  auto cargo = std::make_shared<Cargo>();
  cargo->add_memory(message);
  if (message.size() > kFrameDataBytes) cargo->add_body(message);
  return cargo;
}

// Arrays have none: their rights stand for them.
void Cargo::add_memory(const ipc::Message& message) {
  for (const ipc::Region& region : message.regions) {
    if (region.rights > 0) continue;
    Part& part = parts_.emplace_back(Part{region.memory, 0, region.memory.length(), {}});
    part.head.set_length(part.length);
    part.head.set_address(address_at(message, region.slot));
  }
}

void Cargo::add_body(ipc::Message& message) {
  ipc::Bytes header(message.bytes.begin(), message.bytes.begin() + kHeaderSize);
  const std::uint64_t length = message.bytes.size() - kHeaderSize;
  ipc::Bytes bytes = std::exchange(message.bytes, std::move(header));
  Part& part =
      *parts_.insert(parts_.begin(), {ipc::MemoryRef::of(std::move(bytes)), kHeaderSize, length, {}});
  part.head.set_length(length);
  part.head.set_body(true);
}

void Cargo::restore(ipc::Message& message) const {
  const Part& first = parts_.front();
  if (!first.head.body()) return;
  message.bytes.resize(kHeaderSize + static_cast<std::size_t>(first.length));
  first.memory.read_here(first.begin, std::span(message.bytes).subspan(kHeaderSize));
}

Cargo::Place Cargo::load(Place place, v1::Chunk& chunk) const {
  for (std::uint64_t room = kChunkDataBytes; room > 0 && !at_end(place);) {
    if (chunk.pieces_size() == kChunkPiecesMax) break;
    if (!load_piece(place, room, chunk)) {
      chunk.clear_pieces();
      break;
    }
    room -= chunk.pieces(chunk.pieces_size() - 1).data().size();
  }
  return place;
}

bool Cargo::load_piece(Place& place, std::uint64_t room, v1::Chunk& chunk) const {
  const Part& part = parts_[place.part];
  v1::Piece& piece = *chunk.add_pieces();
  if (place.offset == 0) *piece.mutable_part() = part.head;
  const std::uint64_t size = std::min(room, part.length - place.offset);
  std::string& bytes = *piece.mutable_data();
  bytes.resize(static_cast<std::size_t>(size));
  if (!part.memory.read(part.begin + place.offset, std::as_writable_bytes(std::span(bytes)))) return false;
  place.offset += size;
  if (place.offset == part.length) place = {place.part + 1, 0};
  return true;
}

std::uint64_t data_bytes(const v1::Chunk& chunk) {
  std::uint64_t sum = 0;
  for (const v1::Piece& piece : chunk.pieces()) sum += piece.data().size();
  return sum;
}

}  // namespace netmsg::proxy
