// SPDX-License-Identifier: Apache-2.0
#include "proxy/port_uid.h"

#include "proxy/hash.h"

namespace netmsg::proxy {

std::uint64_t digest_of(const Origin& origin) {
  std::uint64_t digest = mix(origin.incarnation);
  for (const std::uint8_t byte : origin.node.bytes) digest = digest << 8 ^ digest >> 56 ^ byte;
  return mix(digest);
}

std::uint64_t digest_of(const PortUid& uid) {
  return mix_in(digest_of(uid.origin), uid.serial);
}

}  // namespace netmsg::proxy
