// SPDX-License-Identifier: Apache-2.0
// The calls that the engine's own ports answer, as a table (spec 05 §8): id, what goes in, what comes out, and
// who carries it out. Both forms of a call run the same row: the message (kernel_port.h), and the short way of
// a task to its own port (proto/local/frame.h), which is open to rows of plain values. Stateless.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "daemon/ipc/kernel_object.h"
#include "daemon/ipc/right.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

// What one argument or result is. Each travels as one item of the message; what it looks like there is in the
// table of kernel_item.cc.
enum class Item : std::uint8_t {
  kNone,        // the row has no further items
  kName,        // a port name in the space of the task
  kNumber,      // 32 bits
  kLong,        // 64 bits
  kStatus,      // mach_port_status_t: nine numbers
  kStatistics,  // vm_statistics_data_t: thirteen numbers
  kSend,        // a send right
  kSendOnce,    // a send-once right
  kRight,       // a right of any kind
  kNames,       // out of line: an array of names
  kNumbers,     // out of line: an array of numbers
  kSends,       // out of line: an array of send rights
  kAny,         // as first argument: a request of any form (calls whose form is of no interest)
};

struct CallInput {
  std::array<std::uint64_t, 4> values{};  // names and numbers, in the order of the arguments
  // In the order of the arguments, the elements of an array each for itself; consumed also on failure.
  std::vector<CarriedRight> rights;
};

struct CallOutput {
  std::array<std::uint32_t, 13> values{};  // names and numbers, in the order of the results
  std::vector<CarriedRight> rights;  // in the order of the results; an array of rights is the only result
  std::vector<std::vector<std::uint32_t>> arrays;  // of names and numbers, in the order of the results
};

struct Call {
  mach_msg_id_t id;
  std::array<Item, 4> arguments;
  std::array<Item, 2> results;
  kern_return_t (*run)(const KernelObject& object, CallInput& in, CallOutput& out);
};

// Null: no such call.
const Call* find_call(mach_msg_id_t id);

unsigned argument_count(const Call& call);
// Are all its arguments and results plain values?
bool is_plain(const Call& call);

}  // namespace netmsg::ipc
