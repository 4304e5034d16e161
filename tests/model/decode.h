// SPDX-License-Identifier: Apache-2.0
// A message in somebody's buffer, as a trace would write it (FORMAT.md §7).
#pragma once

#include "tests/conformance/message_codec.h"
#include "tests/conformance/trace.h"

namespace netmsg::model {

// What the names in it are, and the memory it points to.
struct NameReader {
  std::function<conformance::NameRef(conformance::Name)> right;
  std::function<conformance::NameRef(conformance::Name)> datum;
  conformance::ReadMemory read_memory;
};

// `bytes` may end within the header: the rest of that counts as zero.
conformance::Message decode_header(const conformance::Bytes& bytes, const NameReader& reader);
// A whole message.
conformance::Message decode(const conformance::Bytes& bytes, const NameReader& reader);

}  // namespace netmsg::model
