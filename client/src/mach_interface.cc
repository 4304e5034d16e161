// SPDX-License-Identifier: Apache-2.0
// The calls on a task that are not about its names, and are made by message (spec 05 §6). Contracts: <mach/mach_interface.h>.
#include <mach/mach_interface.h>
#include <mach/mach_param.h>

#include <cstring>

#include "client/src/export.h"
#include "client/src/task_call.h"

using namespace netmsg::client;

namespace {

constexpr mach_msg_id_t kStatistics = 2030;
constexpr mach_msg_id_t kPortsRegister = 2033;
constexpr mach_msg_id_t kPortsLookup = 2034;
constexpr mach_msg_id_t kGetSpecialPort = 2058;
constexpr mach_msg_id_t kSetSpecialPort = 2059;

}  // namespace

extern "C" {

NETMSG_EXPORT kern_return_t vm_statistics(vm_task_t target_task, vm_statistics_data_t* statistics) {
  const TaskAnswer answer = message_call(target_task, kStatistics, {}, {Result::kStatistics});
  if (answer.code == KERN_SUCCESS) std::memcpy(statistics, answer.outs, sizeof *statistics);
  return answer.code;
}

NETMSG_EXPORT kern_return_t task_get_special_port(task_t task, int which_port, mach_port_t* special_port) {
  const TaskAnswer answer = message_call(
      task, kGetSpecialPort, {number_item(static_cast<std::uint32_t>(which_port))}, {Result::kSend});
  if (answer.code == KERN_SUCCESS) *special_port = answer.outs[0];
  return answer.code;
}

NETMSG_EXPORT kern_return_t task_set_special_port(task_t task, int which_port, mach_port_t special_port) {
  return message_call(task, kSetSpecialPort,
                      {number_item(static_cast<std::uint32_t>(which_port)),
                       right_item(special_port, MACH_MSG_TYPE_COPY_SEND)},
                      {})
      .code;
}

NETMSG_EXPORT kern_return_t mach_ports_register(task_t task, const_mach_port_array_t init_port_set,
                                                mach_msg_type_number_t init_port_setCnt) {
  return message_call(task, kPortsRegister,
                      {rights_item(init_port_set, init_port_setCnt, MACH_MSG_TYPE_COPY_SEND)}, {})
      .code;
}

NETMSG_EXPORT kern_return_t mach_ports_lookup(task_t task, mach_port_array_t* init_port_set,
                                              mach_msg_type_number_t* init_port_setCnt) {
  const TaskAnswer answer = message_call(task, kPortsLookup, {}, {Result::kSends});
  if (answer.code != KERN_SUCCESS) return answer.code;
  *init_port_set = reinterpret_cast<mach_port_array_t>(answer.arrays[0].address);
  *init_port_setCnt = answer.arrays[0].count;
  return KERN_SUCCESS;
}

NETMSG_ALIAS(vm_statistics)
NETMSG_ALIAS(task_get_special_port)
NETMSG_ALIAS(task_set_special_port)
NETMSG_ALIAS(mach_ports_register)
NETMSG_ALIAS(mach_ports_lookup)

}  // extern "C"
