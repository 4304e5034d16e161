// SPDX-License-Identifier: Apache-2.0
// Where rights are: every place in the engine that can hold one, walked in one function. For recounts (audit.h) and for
// the question who holds rights to a port (`netmsgctl why`). Owner thread only; changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Core;
class Port;
class Space;

struct Place {
  enum class Kind {
    kName,         // an entry of a space
    kTask,         // a task's special and registered ports, its own and its threads' ports
    kRequest,      // a notification request: of a port, or on a name
    kQueue,        // a message in the queue of `port`
    kCall,         // the message of a call of `space` that waits, or that it is about to receive
    kInheritance,  // what a dead or forked task hands on
    kDaemon,       // the host's port
    kLink,         // behind remote_link.h: other daemons, or what stands for them here
  };
  Kind kind;
  const Space* space = nullptr;  // kName, kTask, kCall; kRequest: on a name
  Name name = kNullName;         // kName; kRequest: on a name
  const Port* port = nullptr;    // kQueue; kRequest: of a port

  bool operator==(const Place&) const = default;
};

// One call for each right that is there. Type: kSend, kSendOnce or kReceive.
void for_each_right(const Core& core, const std::function<void(const Place&, RightType, const Port&)>& visit);

struct Held {
  std::uint32_t send = 0;
  std::uint32_t send_once = 0;
  std::uint32_t receive = 0;

  void add(RightType type) {
    if (type == RightType::kSend) ++send;
    if (type == RightType::kSendOnce) ++send_once;
    if (type == RightType::kReceive) ++receive;
  }
};

// What one place holds of a port's rights.
struct Holding {
  Place place;
  Held held;
};
// In the order of for_each_right.
std::vector<Holding> holdings_of(const Core& core, const Port& port);

}  // namespace netmsg::ipc
