// SPDX-License-Identifier: Apache-2.0
// What the daemon reads in its own certificate: the node id. Verifying certificates of others is the
// transport's work.
#pragma once

#include <string>

namespace netmsg::daemon {

// The 32 hexadecimal digits of the subject alternative name URI:netmsg:node:<digits> of the first certificate
// in `pem`; empty if it is no certificate or has not exactly one such name.
std::string node_id_of_certificate(const std::string& pem);

}  // namespace netmsg::daemon
