// SPDX-License-Identifier: Apache-2.0
// What port_server is asked: a program on some host that has a port of its
// own, P, and does to it what a test says. Every request and every answer
// is one of the two messages below; requests bring a send-once reply right.
#pragma once

#include <mach.h>

#include <cstdint>

namespace netmsg::test {

enum class Ask : mach_msg_id_t {
  kNew = 1000,  // a new P in place of the old one, which dies    -> a send right for it
  kSend,        // a send right for P (made)                      -> right
  kSendOnce,    // a send-once right for P (made)                 -> right
  kStatus,      // of P                                           -> mscount, srights, sorights, msgcount
  kReceive,     // from P; values: timeout_ms, notify (0 or 1)    -> see Received
  kRace,        // receive from P in one thread, destroy P in another; values: delay of either in ns,
                // destroy wholly (0 or 1)                        -> see Received
  kLastReply,   // the reply name of the last kReceive            -> type, dead-name urefs, notifications
                //                                                   about it so far
  kAwaitDeath,  // wait (5 s at most) for its notification        -> as kLastReply
  kKill,        // P's receive right is given up                  -> code
  kAdopt,       // P is destroyed, and what the last received message carried is the new P -> nothing
  kTask,        // its task port                                  -> right
  kExit,        // the program ends                               -> nothing
};

// What a name that a message brought is to the server.
struct BroughtRight {
  std::uint32_t type;   // in the message: 0, 16, 17 or 18
  std::uint32_t name;   // in the server's space
  std::uint32_t entry;  // mach_port_type afterwards, 0: denotes nothing
  std::uint32_t urefs;  // of its send right or dead name
};

// The values of the answer to kReceive and kRace.
struct ReceivedValues {
  std::uint32_t code;
  std::uint32_t bits;
  std::uint32_t id;
  std::uint32_t local_is;   // Field
  std::uint32_t remote_is;  // Field
  std::uint32_t type_of_p;  // mach_port_type afterwards, 0: denotes nothing
  std::uint32_t sends_of_p;
  BroughtRight reply;
  std::uint32_t carried_is;  // Field: the first right of the body
  BroughtRight carried;
};
enum Field : std::uint32_t { kFieldNull, kFieldDead, kFieldP, kFieldOther };

inline constexpr unsigned kValueCount = sizeof(ReceivedValues) / sizeof(std::uint32_t);

struct ValuesMessage {
  mach_msg_header_t head;
  mach_msg_type_t type;
  std::uint32_t values[kValueCount];
};

struct RightMessage {
  mach_msg_header_t head;
  mach_msg_type_t type;
  mach_port_name_inlined_t right;
};

inline mach_msg_type_t values_type() {
  mach_msg_type_t type{};
  type.msgt_name = MACH_MSG_TYPE_INTEGER_32;
  type.msgt_size = 32;
  type.msgt_inline = 1;
  type.msgt_number = kValueCount;
  return type;
}

}  // namespace netmsg::test
