// SPDX-License-Identifier: Apache-2.0
// Rights in messages that are known by their introduction only: what becomes of them is still to be learnt from their
// home (peer.proto, exchange 10 steps 5 and 6). When to ask and when to give up is kept here, and by whom each was
// introduced. One for the daemon; owner thread only.
//
//   right       event                                            next
//   awaited     take(): Granted, GrantFailed, DENIED             gone: settled
//   awaited     ask_now(); a lease since it was asked            awaited; take_questions() says so once
//   awaited     told_to_wait()                                   awaited, with two leases more
//   awaited     two leases without that; twelve in all           gone by take_late(): dead
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/types.h"
#include "proxy/introduction.h"
#include "proxy/link_slot.h"
#include "proxy/parking.h"

namespace netmsg::proxy {

struct AwaitedRight {
  ParkingTicket ticket = 0;  // of its message; 0: that was destroyed, the right is to be given up
  std::size_t slot = 0;
  PortUid port;
  ipc::RightType type = ipc::RightType::kNone;
  PeerIndex by = 0;           // the introducer
  Origin hint;                // of the home
  std::uint64_t session = 0;  // the introducer's with the home
  const ipc::Port* stand_in =
      nullptr;  // it is a request of a port (promises.h), and `ticket` and `slot` are 0
};

class Awaited {
 public:
  explicit Awaited(std::chrono::milliseconds lease) : lease_(lease) {}

  // False, and nothing changes, if there is one of that id.
  bool add(const IntroductionId& id, const AwaitedRight& right, base::Instant now);
  const AwaitedRight* find(const IntroductionId& id) const;
  std::optional<AwaitedRight> take(const IntroductionId& id);
  // Nullopt, and nothing changes, if the right of that id is another.
  std::optional<AwaitedRight> take(const IntroductionId& id, const PortUid& port, ipc::RightType type);

  // The homes that may have them shall be asked at once, for those that concern that daemon in either role.
  void ask_now(const Origin& about, base::Instant now);
  void told_to_wait(const IntroductionId& id, base::Instant now);

  using Each = std::pair<IntroductionId, AwaitedRight>;
  // For which a Claim is due.
  std::vector<Each> take_questions(base::Instant now);
  std::vector<Each> take_late(base::Instant now);
  // Whose home is over: an earlier incarnation of that node.
  std::vector<Each> take_older(const Origin& home);

  std::size_t by(PeerIndex introducer) const;
  std::size_t to(const PortUid& port) const;
  bool empty() const { return rights_.empty(); }
  std::optional<base::Instant> next_deadline() const;
  void clear();
  std::uint64_t digest() const;

 private:
  struct Entry {
    AwaitedRight right;
    base::Instant ask;
    base::Instant until;
    base::Instant last;  // `until` is never later
  };
  using Entries = std::map<IntroductionId, Entry>;

  std::vector<Each> take_if(const std::function<bool(const Entry&)>& chosen);
  AwaitedRight erase(Entries::iterator at);

  const std::chrono::milliseconds lease_;
  Entries rights_;  // ordered: peers choose the nonces, so no hashing
  std::map<PeerIndex, std::size_t> by_;
};

}  // namespace netmsg::proxy
