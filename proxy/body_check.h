// SPDX-License-Identifier: Apache-2.0
// What a peer says the body of a message is, held against the bytes: a receiver's program trusts the
// descriptors that it finds, so nothing may stand there that an honest daemon would not have let through
// (spec 02 §6, §8; peer.proto, Message.body and Message.rights). A body without the complex bit is opaque and
// not looked at.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/ipc/message.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"
#include "proxy/freight.h"

namespace netmsg::proxy {

// Where what comes beside the body belongs.
struct BodyPlan {
  // As in ipc::BodyRight.
  struct Slot {
    std::uint32_t offset;
    std::uint32_t region;
    bool operator==(const Slot&) const = default;
  };
  std::vector<Slot> slots;           // in the order of `message.rights`
  std::vector<ipc::Region> regions;  // those of data wait for `message.memory`, in its order
};

// Fills in the plan for a message whose body and memory are `freight`, in the frame or ahead of it. Faults (all PROTOCOL): size no multiple of 8, a broken item, an out-of-line item without
// deallocate bit or with an address it cannot have, rights that differ from the port items in number or type,
// memory that differs from the data items in number or length, a complex bit that does not fit.
Check check_body(const v1::Message& message, const Freight& freight, BodyPlan& plan);

}  // namespace netmsg::proxy
