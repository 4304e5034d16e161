// SPDX-License-Identifier: Apache-2.0
// What this daemon can say of one port (control.proto, View): put together from the engine, which knows who holds
// rights here, and from the tables of open sessions, which know what other hosts hold. Changes nothing; owner thread
// only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/ipc/engine.h"
#include "netmsg/v1/control.pb.h"
#include "proxy/proxy.h"

namespace netmsg::daemon {

struct ViewSources {
  const ipc::Engine& engine;
  const proxy::Proxy* proxy;  // null: networking is off
  // Of this daemon.
  std::string node;
  std::string node_id;
  std::uint64_t incarnation;
};

// What a name denotes; nullopt if there is no such task, or nothing of that name.
std::optional<v1::PortView> view_of_name(const ViewSources& from, std::uint64_t task, ipc::Name name);
// The port that hosts know by this uid; nullopt if this one does not (any more), or it is none.
std::optional<v1::PortView> view_of_uid(const ViewSources& from, const std::string& uid);

}  // namespace netmsg::daemon
