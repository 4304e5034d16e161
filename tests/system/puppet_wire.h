// SPDX-License-Identifier: Apache-2.0
// What a puppet is told and what it answers: one datagram each, a head and then bytes. A puppet (puppet.cc) is
// a program on some host that does what a test says, call by call, and does nothing by itself; the test tells
// it by a socket of their own, so links between the hosts may be as they like.
#pragma once

#include <cstdint>

namespace netmsg::test {

enum class Do : std::uint32_t {
  kMachMsg,    // option, receive size, receive name, timeout, notify; the message -> its code; the buffer
  kBegin,      // the same, in a thread of its own                -> nothing
  kDrain,      // name, id: takes what there is               -> how many with that id, how many others
  kHasEnded,   // that one                                        -> value: 0 or 1
  kEnd,        // that one is waited for                          -> its code; the buffer
  kAllocate,   // kind of right                                   -> the name
  kDestroy,    // name
  kModRefs,    // name, kind of right, difference
  kInsert,     // name for the right, name to take it from, disposition
  kExtract,    // name, disposition                               -> the name
  kRequest,    // name, kind of notification, sync, notify
  kSetQlimit,  // name, limit
  kStatus,   // name                                            -> mscount, srights, sorights, msgcount, seqno
  kState,    // name                                            -> bytes: as name_state.h says it
  kCheckIn,  // name; bytes: what it is to be called
  kLookUp,   // bytes: host, zero, name                         -> the name
};

constexpr unsigned kPuppetValues = 5;

struct PuppetCall {
  Do what;
  std::uint32_t values[kPuppetValues];
};

struct PuppetAnswer {
  std::int32_t code;  // of the call that was made
  std::uint32_t values[kPuppetValues];
};

// A datagram, with its head.
constexpr unsigned kPuppetBytesMax = 128U << 10;

}  // namespace netmsg::test
