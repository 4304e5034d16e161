// SPDX-License-Identifier: Apache-2.0
#include "proxy/freight.h"

#include <span>

namespace netmsg::proxy {

Freight freight_in_frame(const v1::Message& wire) {
  Freight freight;
  for (const std::string& memory : wire.memory()) {
    const auto bytes = std::as_bytes(std::span(memory));
    freight.memory.push_back({ipc::MemoryRef::of({bytes.begin(), bytes.end()}), {}});
  }
  return freight;
}

}  // namespace netmsg::proxy
