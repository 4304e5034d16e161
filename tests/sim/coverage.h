// SPDX-License-Identifier: Apache-2.0
// What a world has shown: which states of the protocol were ended by which kinds of events. A state is what both sides
// of a session and the frames between them say of one port, or of the session itself (Census), counts as none, one,
// more; an event is what Deed lists. For guided search, which goes on where something new was seen.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/sim/random.h"

namespace netmsg::sim {

enum class Deed : std::uint8_t {
  kStart,
  kTick,
  kParcel,  // which kinds of frames it brings
  kCut,     // told to both or one
  kCrash,   // told or not
  kStop,
  kAllocate,
  kDeallocate,
  kDestroy,
  kSetLimit,
  kRequest,  // its notification
  kSend,     // its code
  kInterrupt,
  kReceive,  // the notification; 0: a message of a client
  kServe,
  kEndClient,
};

class Coverage {
 public:
  struct Pair {
    std::uint64_t id;
    std::uint64_t draw;  // of the world's chance, when it was first seen
  };

  explicit Coverage(const Random& random) : random_(random) {}

  // What happens now; `detail` as Deed says.
  void event(Deed deed, std::uint64_t detail = 0);
  // Something has this state after the event.
  void see(std::uint64_t thing, std::uint64_t state);

  const std::vector<Pair>& pairs() const { return pairs_; }

 private:
  const Random& random_;
  std::uint64_t event_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> states_;  // by thing
  std::unordered_set<std::uint64_t> seen_;
  std::vector<Pair> pairs_;
};

// None, one, more.
inline std::uint64_t few(std::uint64_t count) {
  return count < 2 ? count : 2;
}

}  // namespace netmsg::sim
