// SPDX-License-Identifier: Apache-2.0
// I11: what a frame is about is where it arrives. Whatever uses a port, or gives a right to it back, comes to the port's
// home, or to a daemon that stands for it because it was the home when the sender last knew: to nobody else. Frames of
// one event may move the port, so it has to be there before it or after it.
#pragma once

#include <vector>

#include "netmsg/v1/peer.pb.h"
#include "proxy/port_uid.h"
#include "tests/sim/census.h"
#include "tests/sim/ledger.h"
#include "tests/sim/story.h"

namespace netmsg::sim {

class Locality {
 public:
  Locality(const Census::Daemons& daemons, const Census& census, Ledger& ledger, Story& story)
      : daemons_(daemons), census_(census), ledger_(ledger), story_(story) {}

  // These frames are about to arrive; they have arrived, and the census was taken.
  void expect(HostIndex from, HostIndex at, const std::vector<v1::Frame>& frames);
  void judge();

 private:
  struct Stray {
    proxy::FrameNumber number;
    proxy::PortUid uid;
  };

  bool belongs(HostIndex at, const proxy::PortUid& uid) const;
  bool is_lost(const Stray& stray) const;

  const Census::Daemons& daemons_;
  const Census& census_;
  Ledger& ledger_;
  Story& story_;
  HostIndex from_ = 0;
  HostIndex at_ = 0;
  std::optional<Census::Progress> before_ = {};  // of the session; none: nothing is expected
  std::vector<Stray> strays_ = {};               // what was not there before the event
};

}  // namespace netmsg::sim
