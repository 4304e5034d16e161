// SPDX-License-Identifier: Apache-2.0
// Unary gRPC calls through completion queues, one at a time: what a direct call between two hosts costs.
#pragma once

#include "tests/bench/grpc_wire.h"

namespace netmsg::bench {

// Answers each call with 64 bytes until it is killed.
[[noreturn]] void serve_unary(const GrpcPlace& place);
// Each send is a call, and the receive after it waits for its answer. REQUIRES: somebody listens there.
std::unique_ptr<Wire> unary_client(const GrpcPlace& place);

}  // namespace netmsg::bench
