// SPDX-License-Identifier: Apache-2.0
// The link among what the daemon looks at while it is awake (session/active_lanes.h): where messages come and go between
// hosts, gRPC's queue is asked in the rounds, and no daemon falls asleep between a request and its answer. It joins when
// something has come by the link, and is parked like a lane through which nothing comes: gRPC's sockets are watched again.
// What the events of one round leave to be said to other daemons leaves at its end, in one message for each. Owner: the composition root. Owner thread only.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "daemon/session/active_lanes.h"
#include "proxy/grpc_poller.h"
#include "proxy/proxy.h"

namespace netmsg::daemon {

class LinkRounds final : private session::ActiveLanes::Member {
 public:
  // A request goes through two daemons and comes back through them: that takes longer than what lanes wait for.
  static constexpr std::chrono::microseconds kAwake{200};

  // `poller` and `proxy` outlive this object.
  LinkRounds(proxy::GrpcPoller& poller, proxy::Proxy& proxy, std::shared_ptr<session::ActiveLanes> lanes)
      : poller_(poller), proxy_(proxy), lanes_(std::move(lanes)) {
    poller_.ask_in_rounds([this] { lanes_->join(*this); });
  }
  ~LinkRounds() override {
    lanes_->leave(*this);
    poller_.ask_in_rounds(nullptr);
  }
  LinkRounds(const LinkRounds&) = delete;
  LinkRounds& operator=(const LinkRounds&) = delete;

  // Proxy::write() is owed: at the end of the round, or now if there is none.
  void owe_write() { lanes_->answered(*this); }

 private:
  bool look() override { return poller_.look(); }
  bool park() override {
    poller_.park();
    return true;
  }
  void ring() override { proxy_.write(); }
  std::chrono::microseconds awake() const override {
    return proxy_.under_way() ? kAwake : local::Patience::kAwake;
  }

  proxy::GrpcPoller& poller_;
  proxy::Proxy& proxy_;
  const std::shared_ptr<session::ActiveLanes> lanes_;
};

}  // namespace netmsg::daemon
