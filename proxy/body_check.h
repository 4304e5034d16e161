// SPDX-License-Identifier: Apache-2.0
// What a peer says the body of a message is, held against the bytes: a receiver's program trusts the
// descriptors that it finds, so nothing may stand there that an honest daemon would not have let through
// (spec 02 §6, §8; peer.proto, Message.body and Message.rights). A body without the complex bit is opaque and
// not looked at.
#pragma once

#include <cstdint>
#include <vector>

#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"

namespace netmsg::proxy {

// Offsets from the start of the message, in the order of `message.rights`.
using SlotOffsets = std::vector<std::uint32_t>;

// Fills in where the names of the rights go. Faults (all PROTOCOL): size no multiple of 8, a broken item, an
// out-of-line item that is not empty, rights that differ from the port items in number or type, a complex bit
// that does not fit.
Check check_body(const v1::Message& message, SlotOffsets& slots);

}  // namespace netmsg::proxy
