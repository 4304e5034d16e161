// SPDX-License-Identifier: Apache-2.0
// How the replayer has recorded tasks act: one program (agent.cc) for each of t0 and t1, and one for the go-between if there
// are three hosts, started once. It connects to the replayer's socket and is a *zygote*: for each case it forks a child,
// which is the task, with an empty port space of its own. While there is a child, it is the child that reads the
// connection; the zygote waits for its end.
//
//   from the replayer   arguments                       answer by the child
//   kBegin              (to the zygote)                 kAnswer: its process id
//   kListen             own name                        kAnswer: code; the child has a port under that name
//   kGreet              host and name of the other      kAnswer: code; has sent its task port there
//   kMeet               -                               kAnswer: code; holds the other's task port, the name is gone
//   kReach              host and name of a port         kAnswer: code; calls the other task through that port
//   kBetween            two names                       kAnswer: code; the go-between has ports under them, for t0 and t1
//   kServe              -                               kAnswer: code; has both task ports and serves from now on
//   kPortCall           PortCall                        kAnswer: PortAnswer, in parts
//   kLook               -                               kAnswer: count, then name and NameState for each
//   kMachMsg            MsgHead, message bytes          kAnswer: MsgAnswer, in parts; when the call has ended
//   kStart              MsgHead, message bytes          kAnswer: nothing; the second thread has begun it
//   kPoll               -                               kAnswer: 1 and a MsgAnswer if the second thread is done, or 0
//   kAbort              -                               kAnswer: nothing; the second thread has been sent a signal
//   kPlaceMemory        content                         kAnswer: address, 0 if there is none
//   kReadMemory         address, size                   kAnswer: 1 and the bytes, or 0
//   kEnd                -                               none: the child exits
//
// Each request is answered before the next is sent. When the child has ended, in whichever way, the zygote says kEnded
// and its wait status; the next request is kBegin again.
#pragma once

#include <cstdint>

#include "tests/conformance/backend.h"

namespace netmsg::conformance {

enum class Ask : std::uint8_t {
  kBegin,
  kListen,
  kGreet,
  kMeet,
  kReach,
  kBetween,
  kServe,
  kPortCall,
  kLook,
  kMachMsg,
  kStart,
  kPoll,
  kAbort,
  kPlaceMemory,
  kReadMemory,
  kEnd,
};

enum class Say : std::uint8_t { kAnswer, kEnded };

// MsgArguments without the message.
struct MsgHead {
  mach_msg_option_t option;
  mach_msg_size_t rcv_size;
  Name rcv_name;
  mach_msg_timeout_t timeout_ms;
  Name notify;
  bool unmapped;
};

}  // namespace netmsg::conformance
