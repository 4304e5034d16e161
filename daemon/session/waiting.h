// SPDX-License-Identifier: Apache-2.0
// What waits in the event loop, bound to it by type. Asio's own descriptors and timers can be bound to whatever executes
// things: 40 bytes more for each, and as much again for each wait, of which an idle client has three.
#pragma once

#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <chrono>

namespace netmsg::session {

using Executor = asio::io_context::executor_type;
using WaitingDescriptor = asio::posix::basic_stream_descriptor<Executor>;
using WaitingTimer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                                asio::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace netmsg::session
