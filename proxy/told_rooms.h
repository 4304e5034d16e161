// SPDX-License-Identifier: Apache-2.0
// What a peer was told of the room at our ports (peer.proto, exchange 5), and what it is to be told with the next frames or
// acknowledgement: as long as it may send more than half of what there is room for, news can wait to travel with something
// else. Part of the exports.
//
//   a port     event                                   next
//   unknown    room, told at once                      told
//   told       room, and they have more than half      owed
//   owed       room, and they have half or less        told, at once
//   owed       take_owed(), room told                  told
//   told, owed one_more(), told with it                told
//   told       one_more_unseen()                       unknown
//   owed       one_more_unseen()                       unknown, and what was owed is to be told at once
//   any        forget(): the peer has no units left    unknown
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "daemon/base/clock.h"
#include "proxy/port_uid.h"
#include "proxy/uid_map.h"

namespace netmsg::proxy {

class ToldRooms {
 public:
  // A message of theirs was applied that is for this port.
  void arrived(const PortUid& port);
  // There is other room. True: it can wait, and is owed from now on. False: it has to be told.
  bool can_wait(const PortUid& port, std::uint32_t room, base::Instant now);
  void told(const PortUid& port, std::uint32_t room);
  // The peer gets one more unit of the port, with the room.
  void one_more(const PortUid& port, std::uint32_t room);
  // The same, and the peer may not take that room for news: which one it sees from now on we do not know. True: it was owed
  // news.
  bool one_more_unseen(const PortUid& port);
  void forget(const PortUid& port);

  // What is owed, in order; nothing is afterwards.
  std::vector<PortUid> take_owed();
  // Since when something is.
  std::optional<base::Instant> owed_since() const { return owed_since_; }
  std::size_t owed() const { return owed_.size(); }
  // If something newer is owed: the room that they see until then, of what they were told last.
  std::optional<std::uint32_t> still_seen(const PortUid& port) const;

 private:
  struct Told {
    std::uint32_t left() const { return room - std::min(room, used); }

    std::uint32_t room = 0;
    std::uint32_t used = 0;  // messages of theirs since
  };

  void not_owed(const PortUid& port);

  UidMap<Told> told_;
  std::set<PortUid> owed_;  // all of them are in told_
  std::optional<base::Instant> owed_since_;
};

}  // namespace netmsg::proxy
