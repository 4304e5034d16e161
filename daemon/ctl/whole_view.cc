// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/whole_view.h"

#include <algorithm>

namespace netmsg::ctl {
namespace {

const v1::PortView* of_node(const Views& views, const std::string& node_id) {
  const auto found = std::find_if(views.begin(), views.end(),
                                  [&](const v1::PortView& view) { return view.node_id() == node_id; });
  return found == views.end() ? nullptr : &*found;
}

const v1::PeerHolding* with_peer(const v1::PortView& view, const std::string& node_id) {
  const auto found = std::find_if(view.peers().begin(), view.peers().end(),
                                  [&](const v1::PeerHolding& peer) { return peer.node_id() == node_id; });
  return found == view.peers().end() ? nullptr : &*found;
}

bool quiet(const v1::PeerHolding& peer) {
  return peer.messages() == 0 && peer.rights() == 0 && peer.unacknowledged() == 0;
}

// Nothing of the port is on its way but for what sessions know.
bool settled(const v1::PortView& view) {
  return !view.has_stub() && !view.has_undrained() && view.parked_size() == 0 &&
         view.held_back() + view.awaited() + view.unmatched() + view.kept() == 0;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// What one side has granted the other one has received. Somebody who was not asked cannot contradict.
bool agrees(const Views& views, const std::vector<std::string>& asked, const v1::PortView& mine,
            const v1::PeerHolding& peer) {
  const v1::PortView* other = of_node(views, peer.node_id());
  if (other == nullptr) return !contains(asked, peer.node_id());
  const v1::PeerHolding* theirs = with_peer(*other, mine.node_id());
  return theirs != nullptr && theirs->granted() == peer.received() && theirs->received() == peer.granted() &&
         theirs->send_once() == peer.send_once();
}

}  // namespace

bool at_rest(const Views& views, const std::vector<std::string>& asked) {
  const auto homes = std::count_if(views.begin(), views.end(), [](const v1::PortView& view) {
    return view.state() == v1::PortView::HOME;
  });
  return homes <= 1 && std::all_of(views.begin(), views.end(), [&](const v1::PortView& view) {
           return settled(view) &&
                  std::all_of(view.peers().begin(), view.peers().end(), [&](const v1::PeerHolding& peer) {
                    return quiet(peer) && agrees(views, asked, view, peer);
                  });
         });
}

v1::WhyReply whole_view(const Views& views, const std::vector<std::string>& asked, bool moving) {
  v1::WhyReply whole;
  whole.set_moving(moving);
  const auto add_unless_asked = [&](const std::string& node_id, const std::string& name) {
    const auto& all = whole.not_asked();
    const bool known = std::find(all.begin(), all.end(), name) != all.end();
    if (!known && !contains(asked, node_id)) whole.add_not_asked(name);
  };
  for (const v1::PortView& view : views) {
    if (!view.uid().empty()) whole.set_uid(view.uid());
    *whole.add_hosts() = view;
    for (const v1::PeerHolding& peer : view.peers()) add_unless_asked(peer.node_id(), peer.peer());
    for (const v1::OldPath& path : view.stub().paths()) add_unless_asked(path.node_id(), path.holder());
    for (const v1::OldPath& path : view.undrained().paths()) add_unless_asked(path.node_id(), path.holder());
  }
  return whole;
}

}  // namespace netmsg::ctl
