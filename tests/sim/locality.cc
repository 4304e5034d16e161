// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/locality.h"

#include <functional>
#include <utility>

#include "proxy/uid_wire.h"

namespace netmsg::sim {

using proxy::PortUid;

namespace {

using Visit = std::function<void(const v1::Uid&)>;

// Every port that a frame can be about only at its home.
void for_each_port(const v1::Frame& frame, const Visit& visit) {
  const auto right = [&](const v1::Right& each) {
    if (each.value() == v1::Right::HOME) visit(each.port());
  };
  switch (frame.body_case()) {
    case v1::Frame::kMessage:
      visit(frame.message().destination());
      right(frame.message().reply());
      for (const v1::Right& each : frame.message().rights()) right(each);
      return;
    case v1::Frame::kRelease:
      return visit(frame.release().port());
    case v1::Frame::kGrant:
      return visit(frame.grant().port());
    case v1::Frame::kHanded:
      return visit(frame.handed().port());
    case v1::Frame::kPathClose:
      return visit(frame.path_close().port());
    default:
      return;
  }
}

}  // namespace

void Locality::expect(HostIndex from, HostIndex at, const std::vector<v1::Frame>& frames) {
  from_ = from;
  at_ = at;
  strays_.clear();
  before_ = daemons_[at] && daemons_[from] ? census_.progress(at, from) : std::nullopt;
  if (!before_) return;
  const proxy::Ends ends{daemons_[at]->origin(), daemons_[from]->origin()};
  for (const v1::Frame& frame : frames) {
    if (frame.number() <= before_->applied) continue;
    for_each_port(frame, [&](const v1::Uid& wire) {
      PortUid uid;
      if (!proxy::read_uid(ends, wire, uid) && !belongs(at, uid)) strays_.push_back({frame.number(), uid});
    });
  }
}

void Locality::judge() {
  if (strays_.empty()) return;
  const std::optional<Census::Progress> after = census_.progress(at_, from_);
  if (!after || after->nonce != before_->nonce) return;
  for (const Stray& stray : strays_) {
    if (stray.number > after->applied || belongs(at_, stray.uid) || is_lost(stray)) continue;
    story_.accuse("I11", host_name(from_) + "'s frame #" + std::to_string(stray.number) + " is about " +
                             Census::words(stray.uid) + ", which is not at home at " + host_name(at_));
  }
}

bool Locality::belongs(HostIndex at, const PortUid& uid) const {
  const std::optional<proxy::PortRow> row = daemons_[at]->link().port_row(uid);
  return row && (row->stub || (row->port != nullptr && !row->port->remote()));
}

// The port may be dead, or nobody knows; a fence may have taken away what was there. Or it is at home there, which has forgotten
// its uid, for nobody has units: who has followed it without any says so (PathClose).
bool Locality::is_lost(const Stray& stray) const {
  const PortId id = ledger_.find(stray.uid);
  if (id == 0 || ledger_.dead(id) || ledger_.port(id).port->remote()) return true;
  if (ledger_.port(id).home == at_) return true;
  return ledger_.fenced_since(0, bit(from_) | bit(at_) | ledger_.port(id).homes);
}

}  // namespace netmsg::sim
