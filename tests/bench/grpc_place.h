// SPDX-License-Identifier: Apache-2.0
// What gRPC is given to reach a place, and how events are taken from its queue.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>

#include "tests/bench/grpc_wire.h"

namespace netmsg::bench {

std::shared_ptr<grpc::Channel> channel_to(const GrpcPlace& place);
// Messages of any size.
void listen_at(grpc::ServerBuilder& builder, const GrpcPlace& place);

grpc::ByteBuffer buffer_of(std::span<const std::byte> bytes);

inline void* tag(std::intptr_t which) {
  return reinterpret_cast<void*>(which);  // NOLINT(performance-no-int-to-ptr)
}
// The next event's tag. Throws NotOffered if it went wrong.
void* next_event(grpc::CompletionQueue& queue);

}  // namespace netmsg::bench
