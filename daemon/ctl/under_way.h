// SPDX-License-Identifier: Apache-2.0
// What of a port is on its way, in words (control.proto, PortView: stub, undrained, parked, ...): for `port` and `why`. Pure.
#pragma once

#include <string>
#include <vector>

#include "netmsg/v1/control.pb.h"

namespace netmsg::ctl {

// One sentence for each; none: it is at rest, as far as this daemon knows beside its sessions.
std::vector<std::string> under_way(const v1::PortView& view);

}  // namespace netmsg::ctl
