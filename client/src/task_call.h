// SPDX-License-Identifier: Apache-2.0
// A call on a task from arguments to results (spec 05 §1): without a message if the task is the caller's own,
// else as a request to the task's port (05 §8). What an argument or result looks like is said once, by the one
// who makes the call; nothing here knows any call by name.
#pragma once

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>

#include <cstdint>
#include <initializer_list>

#include "proto/local/frame.h"

namespace netmsg::client {

// One argument: its descriptor, and its value.
struct Argument {
  mach_msg_type_t type;
  std::uint64_t value;
};
Argument name_item(mach_port_name_t name);
Argument number_item(std::uint32_t number);
Argument long_item(std::uint64_t number);
Argument right_item(mach_port_t name, mach_msg_type_name_t disposition);
// Out of line. `rights` is read during the call.
Argument rights_item(const mach_port_t* rights, mach_msg_type_number_t count,
                     mach_msg_type_name_t disposition);

enum class Result {
  kName,
  kNumber,
  kStatus,      // nine numbers
  kStatistics,  // thirteen numbers
  kSend,        // a right: name, received type
  kSendOnce,    // the same
  kRight,       // the same, of any type
  kNames,       // arrays, in new memory of the caller
  kNumbers,
  kSends,
};

// As many numbers as any call gives.
inline constexpr unsigned kOutsMax = sizeof(vm_statistics_data_t) / sizeof(integer_t);
static_assert(local::kCallOutsMax <= kOutsMax);

struct TaskAnswer {
  struct Array {
    vm_address_t address;
    mach_msg_type_number_t count;
  };
  kern_return_t code;
  std::uint32_t outs[kOutsMax];  // of the results that are no arrays, in their order
  Array arrays[2];               // of those that are
};

using Arguments = std::initializer_list<Argument>;
using Results = std::initializer_list<Result>;

// Codes besides the call's own: KERN_FAILURE: there is no daemon; those of mach_msg and MIG_* (05 §1). REQUIRES:
// the call takes the short way (frame.h has its number).
TaskAnswer task_call(mach_port_t task, local::Call call, Arguments arguments, Results results);
// The same for the other calls, and for calls on ports that are no tasks: by message whatever the port is.
TaskAnswer message_call(mach_port_t port, mach_msg_id_t id, Arguments arguments, Results results);

}  // namespace netmsg::client
