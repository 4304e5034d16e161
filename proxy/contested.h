// SPDX-License-Identifier: Apache-2.0
// Units whose sender says that it is the home of a port that is at home elsewhere as far as we know (rule R6; peer.proto,
// exchange 2 step 4). It is right, and ahead of the Moved that tells us; or it was right, and its own Moved follows. Only
// the home that we know moves a proxy, so what has brought the unit is parked until one of the two has come.
//
//   unit        event                                                                         next
//   contested   the port's proxy lives by that session, or there is no proxy any more         gone: counted there
//   contested   that peer tells that the port has moved to the home that we know              gone: counted with that home
//   contested   the same, and that home has had our answer without it (answered.h)            gone: not counted; a send right is
//                                                                                             one more of those we have there,
//                                                                                             or dead
//   contested   time is over, and that peer has made the port                                 gone: counted there; the proxy that
//                                                                                             was there dies
//   contested   that peer says Died, its session is over, the port comes here; time is over   gone: dead, not counted
//
// Holds no rights. One for the daemon; owner thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/types.h"
#include "proxy/awaited.h"
#include "proxy/introduction.h"
#include "proxy/link_slot.h"

namespace netmsg::proxy {

struct ContestedUnit {
  // Of a Granted.
  struct Introduced {
    IntroductionId id;
    Origin asker;           // who has asked for it
    std::uint64_t session;  // the introducer's with us
  };

  PortUid port;
  PeerIndex by;  // who says that it is the home
  ipc::RightType type;
  std::uint32_t room;  // as that one has last told it
  FrameNumber as_of;
  std::optional<Introduced> introduced{};
  std::optional<AwaitedRight>
      waits{};  // where the right belongs; not known for an introduction whose message has not come, or is to be
                // granted by another home as far as its introducer knows
  base::Instant until{};
};

class Contested {
 public:
  bool empty() const { return units_.empty(); }
  void add(ContestedUnit unit) { units_.push_back(unit); }
  // The unit of an introduction that nobody has come for yet, by that home and for this right; null if there is none.
  // Valid until units are added or taken.
  ContestedUnit* find(const IntroductionId& id, PeerIndex by, const PortUid& port, ipc::RightType type);
  // The peer has told its room of the port.
  void set_room(PeerIndex by, const PortUid& port, std::uint32_t room, FrameNumber as_of);
  // In the order in which they came.
  std::vector<ContestedUnit> take_if(const std::function<bool(const ContestedUnit&)>& chosen);

  std::size_t by(PeerIndex peer) const;
  std::size_t to(const PortUid& port) const;
  std::optional<base::Instant> next_deadline() const;
  std::uint64_t digest() const;

 private:
  std::deque<ContestedUnit> units_;
};

}  // namespace netmsg::proxy
