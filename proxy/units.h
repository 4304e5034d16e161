// SPDX-License-Identifier: Apache-2.0
// What one daemon holds of a port at home here (peer.proto, EXPORTS), as rights in the engine's books. A value: dropping
// it gives the rights up, with what follows from that. Owner thread only, inside an Event.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/ipc/right.h"
#include "proxy/hearsay.h"

namespace netmsg::proxy {

struct Units {
  std::uint64_t granted = 0;
  ipc::SendRight right;  // there while granted > 0
  std::vector<ipc::SendOnceRight> once;
  std::uint64_t reported = 0;  // how many of `granted` were said by the port's old home, at most
  Hearsay once_reported;       // likewise of `once`
  // Of these: granted since the holder was asked what it has (exchange 13).
  std::uint64_t granted_since = 0;
  std::uint64_t once_since = 0;

  bool empty() const { return granted == 0 && once.empty(); }
  // The old home has said so, and nobody else.
  bool only_reported() const {
    return !empty() && reported == granted && once_reported.count() == once.size();
  }

  // So many of a live port, out of nothing: they have come from another home.
  static Units of(ipc::Port& port, std::uint64_t send, std::uint64_t send_once) {
    Units made;
    made.granted = made.reported = send;
    if (send > 0) made.right = ipc::SendRight::mint(port);
    made.once.reserve(static_cast<std::size_t>(send_once));
    for (std::uint64_t at = 0; at < send_once; ++at) made.once.push_back(ipc::SendOnceRight::mint(port));
    return made;
  }

  // Takes the units of `more` too.
  void add(Units more) {
    if (granted == 0) right = std::move(more.right);
    granted += more.granted;
    reported += more.reported;
    if (once_reported.count() == 0) once_reported = std::move(more.once_reported);
    for (ipc::SendOnceRight& each : more.once) once.push_back(std::move(each));
  }

  // They have gone to another home: nobody hears of it here.
  void go() {
    if (right) right.release_quietly();
    for (ipc::SendOnceRight& each : once) each.consume();
    *this = {};
  }
};

}  // namespace netmsg::proxy
