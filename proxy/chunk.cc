// SPDX-License-Identifier: Apache-2.0
#include "proxy/chunk.h"

#include "proxy/fields.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

bool read_piece(Rope bytes, Chunk::Piece& piece) {
  while (!bytes.empty()) {
    const std::optional<Field> field = take_field(bytes);
    if (!field) return false;
    if (field->is_bytes(v1::Piece::kDataFieldNumber)) piece.data = field->bytes;
    if (field->is_bytes(v1::Piece::kPartFieldNumber) && !parse(field->bytes, piece.part.emplace()))
      return false;
  }
  return true;
}

bool read_body(Rope bytes, Chunk& chunk) {
  if (bytes.size() > kChunkBytesMax) return false;
  while (!bytes.empty()) {
    const std::optional<Field> field = take_field(bytes);
    if (!field) return false;
    if (field->is_number(v1::Chunk::kTransferFieldNumber)) chunk.transfer = field->value;
    if (field->is_number(v1::Chunk::kDroppedFieldNumber)) chunk.dropped = field->value != 0;
    if (!field->is_bytes(v1::Chunk::kPiecesFieldNumber) || chunk.pieces.size() > kChunkPiecesMax) continue;
    if (!read_piece(field->bytes, chunk.pieces.emplace_back())) return false;
  }
  return true;
}

}  // namespace

std::uint64_t Chunk::data_bytes() const {
  std::uint64_t sum = 0;
  for (const Piece& piece : pieces) sum += piece.data.size();
  return sum;
}

bool holds_chunk(Rope frame) {
  while (!frame.empty()) {
    const std::optional<Field> field = take_field(frame);
    if (!field) return false;
    if (field->is_bytes(v1::Frame::kChunkFieldNumber)) return true;
  }
  return false;
}

bool read_chunk(Rope frame, Chunk& chunk) {
  while (!frame.empty()) {
    const std::optional<Field> field = take_field(frame);
    if (!field) return false;
    if (field->is_number(v1::Frame::kNumberFieldNumber)) chunk.number = field->value;
    if (!field->is_bytes(v1::Frame::kChunkFieldNumber)) continue;
    if (!read_body(field->bytes, chunk)) return false;
  }
  return true;
}

}  // namespace netmsg::proxy
