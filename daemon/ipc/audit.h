// SPDX-License-Identifier: Apache-2.0
// Looking at the whole engine from outside its operations: recounting rights from the places that hold them,
// checking the structure of every table, and a digest of the state. Nothing that can be observed changes;
// names whose port has died are noticed on the way (entry.h).
#pragma once

#include <string>
#include <vector>

#include "daemon/ipc/core.h"

namespace netmsg::ipc {

std::vector<std::string> audit_rights(const Core& core);
void check_structure(const Core& core);
std::uint64_t digest_of(const Core& core);

}  // namespace netmsg::ipc
