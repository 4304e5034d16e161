// SPDX-License-Identifier: Apache-2.0
// Mach IPC in C++17 and later: rights as move-only values, messages that cannot leak one, results with code and
// text. A face over the C calls, all in headers; link libnetmsg. Both can be used in one program: every class has
// name(), adopt() and release(). The manual is client/README.md; each header says what its noun owns.
#pragma once

#include <netmsg/batch.hpp>
#include <netmsg/call.hpp>
#include <netmsg/descriptor.hpp>
#include <netmsg/memory.hpp>
#include <netmsg/message.hpp>
#include <netmsg/name_service.hpp>
#include <netmsg/port_set.hpp>
#include <netmsg/receive_right.hpp>
#include <netmsg/received_message.hpp>
#include <netmsg/reply_right.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/server.hpp>
#include <netmsg/timeout.hpp>
