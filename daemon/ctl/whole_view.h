// SPDX-License-Identifier: Apache-2.0
// What several daemons say of one port, put together (control.proto, View): is it one picture, and whom would one have
// to ask as well? Pure.
#pragma once

#include <string>
#include <vector>

#include "netmsg/v1/control.pb.h"

namespace netmsg::ctl {

// Views of one port, each by another daemon.
using Views = std::vector<v1::PortView>;

// `asked`: who has been asked, also those that know nothing of the port, by node id.

// Nothing is under way in the sessions of these daemons, the port is not on its way from one to another, no right to it
// waits to be settled, and what each home has granted has been received there.
bool at_rest(const Views& views, const std::vector<std::string>& asked);

v1::WhyReply whole_view(const Views& views, const std::vector<std::string>& asked, bool moving);

}  // namespace netmsg::ctl
