// SPDX-License-Identifier: Apache-2.0
// What gRPC itself has to say: its lines in our log, in our form, one for each place of its code in a while.
// It speaks for the whole process, on any of its threads, and peers can make it speak.
#pragma once

namespace netmsg::daemon {

// From now on. Errors become warnings "grpc"; what GRPC_VERBOSITY asks for beyond them, debug lines.
void log_for_grpc();

}  // namespace netmsg::daemon
