// SPDX-License-Identifier: Apache-2.0
// What protobuf encodes, field by field: read where it lies, so that what a peer's bytes would become is known before
// memory is spent on it; and written in front of bytes that come from elsewhere.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/rope.h"

namespace netmsg::proxy {

struct Field {
  enum class Type { kNumber, kBytes };  // a varint or a fixed one; a string or a message
  bool is_bytes(int wanted) const { return number == wanted && type == Type::kBytes; }
  bool is_number(int wanted) const { return number == wanted && type == Type::kNumber; }

  int number = 0;
  Type type = Type::kNumber;
  std::uint64_t value = 0;
  Rope bytes;
};

// Takes the first field off. None: malformed, or a group, which nobody writes. REQUIRES: `rest` is not empty.
std::optional<Field> take_field(Rope& rest);

// All of the message. False: malformed.
bool parse(const Rope& bytes, google::protobuf::MessageLite& message);

void put_number(std::string& to, int field, std::uint64_t value);
void put_fixed(std::string& to, int field, std::uint64_t value);  // of 64 bits
// The bytes themselves are to follow.
void put_length(std::string& to, int field, std::uint64_t length);

}  // namespace netmsg::proxy
