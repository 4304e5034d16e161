// SPDX-License-Identifier: Apache-2.0
#include "proxy/cargo.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "proxy/fields.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

constexpr std::size_t kHeaderSize = sizeof(mach_msg_header_t);
// Behind a chunk that is written: its own heads, and as a rule what else is said with it. So it is not moved for that.
constexpr std::size_t kRoomBehind = 1024;

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
    Part& part = parts_.emplace_back(Part{region.memory, 0, region.memory.length(), {}, {}});
    part.head.set_length(part.length);
    part.head.set_address(address_at(message, region.slot));
  }
}

void Cargo::add_body(ipc::Message& message) {
  ipc::Bytes header(message.bytes.begin(), message.bytes.begin() + kHeaderSize);
  const std::uint64_t length = message.bytes.size() - kHeaderSize;
  ipc::Bytes bytes = std::exchange(message.bytes, std::move(header));
  const auto here = std::span<const std::byte>(bytes).subspan(kHeaderSize);  // as the object's, too
  Part& part =
      *parts_.insert(parts_.begin(), {ipc::MemoryRef::of(std::move(bytes)), kHeaderSize, length, {}, here});
  part.head.set_length(length);
  part.head.set_body(true);
}

void Cargo::restore(ipc::Message& message) const {
  const Part& first = parts_.front();
  if (!first.head.body()) return;
  message.bytes.resize(kHeaderSize + static_cast<std::size_t>(first.length));
  first.memory.read_here(first.begin, std::span(message.bytes).subspan(kHeaderSize));
}

// Written from the inside to the outside, since each length stands in front of what it is of; the data is copied once.
Cargo::Chunk Cargo::load(std::uint64_t transfer, FrameNumber number, Place place,
                         std::uint64_t data_max) const {
  std::string chunk_head;
  put_number(chunk_head, v1::Chunk::kTransferFieldNumber, transfer);
  std::vector<Piece> pieces;
  Chunk chunk;
  chunk.next = place;
  std::uint64_t size = chunk_head.size();
  while (chunk.data < data_max && !at_end(chunk.next) && pieces.size() < kChunkPiecesMax) {
    const Piece& piece = pieces.emplace_back(piece_at(chunk.next, data_max - chunk.data));
    chunk.data += piece.size;
    size += piece.head.size() + piece.size;
  }
  std::string frame_head;
  put_fixed(frame_head, v1::Frame::kNumberFieldNumber, number);
  put_length(frame_head, v1::Frame::kChunkFieldNumber, size);
  chunk.frame.reserve(static_cast<std::size_t>(size) + kRoomBehind);
  put_length(chunk.frame, v1::Batch::kFramesFieldNumber, frame_head.size() + size);
  chunk.frame += frame_head + chunk_head;
  const bool all = std::all_of(pieces.begin(), pieces.end(),
                               [&](const Piece& piece) { return append(piece, chunk.frame); });
  if (!all) chunk.frame.clear();
  return chunk;
}

Cargo::Piece Cargo::piece_at(Place& place, std::uint64_t room) const {
  const Part& part = parts_[place.part];
  Piece piece{{}, &part, place.offset, std::min(room, part.length - place.offset)};
  std::string head;
  if (place.offset == 0) {
    put_length(head, v1::Piece::kPartFieldNumber, part.head.ByteSizeLong());
    part.head.AppendToString(&head);
  }
  put_length(head, v1::Piece::kDataFieldNumber, piece.size);
  put_length(piece.head, v1::Chunk::kPiecesFieldNumber, head.size() + piece.size);
  piece.head += head;
  place.offset += piece.size;
  if (place.offset == part.length) place = {place.part + 1, 0};
  return piece;
}

// False: the memory cannot be read.
bool Cargo::append(const Piece& piece, std::string& frame) {
  frame += piece.head;
  const Part& part = *piece.part;
  const auto offset = static_cast<std::size_t>(piece.offset);
  const auto size = static_cast<std::size_t>(piece.size);
  if (!part.here.empty()) {
    frame.append(reinterpret_cast<const char*>(part.here.data()) + offset, size);
    return true;
  }
  const std::size_t at = frame.size();
  frame.resize(at + size);
  return part.memory.read(part.begin + offset, std::as_writable_bytes(std::span(frame).subspan(at)));
}

}  // namespace netmsg::proxy
