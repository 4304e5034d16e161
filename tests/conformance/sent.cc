// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/sent.h"

namespace netmsg::conformance {

void SentMessages::add(const Operation& operation, const Bytes& bytes) {
  sizes[operation.number] = static_cast<std::uint32_t>(bytes.size());
  if (bytes.size() < sizeof(mach_msg_header_t)) return;
  bodies.emplace_back(operation.call.message->id,
                      Bytes(bytes.begin() + sizeof(mach_msg_header_t), bytes.end()));
}

}  // namespace netmsg::conformance
