// SPDX-License-Identifier: Apache-2.0
#include "proxy/uid_wire.h"

#include "proxy/wire.h"

namespace netmsg::proxy {

void write_origin(const Origin& origin, v1::Origin& wire) {
  wire.set_node(origin.node.wire());
  wire.set_incarnation(origin.incarnation);
}

Check read_origin(const v1::Origin& wire, Origin& origin) {
  const std::optional<NodeId> node = NodeId::from_wire(wire.node());
  if (!node) return protocol_error("node id of another length");
  if (wire.incarnation() == 0) return protocol_error("incarnation 0");
  origin = {*node, wire.incarnation()};
  return std::nullopt;
}

void write_uid(const Ends& ends, const PortUid& uid, v1::Uid& wire) {
  wire.set_serial(uid.serial);
  if (uid.origin == ends.us) {
    wire.set_side(v1::Uid::SENDER);
  } else if (uid.origin == ends.them) {
    wire.set_side(v1::Uid::RECEIVER);
  } else {
    wire.set_side(v1::Uid::OTHER);
    write_origin(uid.origin, *wire.mutable_origin());
  }
}

Check read_uid(const Ends& ends, const v1::Uid& wire, PortUid& uid) {
  if (wire.serial() > kSerialMax) return protocol_error("serial out of range");
  uid.serial = wire.serial();
  switch (wire.side()) {
    case v1::Uid::SENDER:
      uid.origin = ends.them;
      return std::nullopt;
    case v1::Uid::RECEIVER:
      uid.origin = ends.us;
      return std::nullopt;
    case v1::Uid::OTHER:
      return read_origin(wire.origin(), uid.origin);
    default:
      return protocol_error("side of a uid");
  }
}

}  // namespace netmsg::proxy
