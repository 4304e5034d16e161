// SPDX-License-Identifier: Apache-2.0
// The port calls (spec 05 §§2-5): each is one frame and its answer. Contracts: <mach/mach_port.h>.
#include <mach/mach_port.h>
#include <mach/mach_traps.h>

#include <algorithm>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/mach_calls.h"

namespace netmsg::client {

kern_return_t kern_code(Reach reach) {
  switch (reach) {
    case Reach::kOk:
      return KERN_SUCCESS;
    case Reach::kNoDaemon:
      return KERN_FAILURE;
    case Reach::kGone:
    case Reach::kLost:
      return KERN_INVALID_TASK;
    case Reach::kNoResources:
      return KERN_RESOURCE_SHORTAGE;
  }
  return KERN_FAILURE;
}

CallAnswer port_call(local::Call call, std::initializer_list<std::uint64_t> args) {
  const ErrnoGuard errno_guard;
  local::PortCall request{};
  request.number = static_cast<std::uint32_t>(call);
  std::copy(args.begin(), args.end(), request.args);
  local::PortCallDone done{};
  const Reach reach = Task::current().run([&](Lane& lane) { return lane.port_call(request, &done); });
  CallAnswer answer{};
  answer.code = reach == Reach::kOk ? static_cast<kern_return_t>(done.code) : kern_code(reach);
  std::copy(std::begin(done.outs), std::end(done.outs), answer.outs);
  return answer;
}

void drop_receive_right(mach_port_t name) {
  port_call(local::Call::kModRefs, {name, MACH_PORT_RIGHT_RECEIVE, static_cast<std::uint32_t>(-1)});
}

namespace {

// A call on `task`, which is the caller's own task or nothing that takes calls.
CallAnswer task_call(ipc_space_t task, local::Call call, std::initializer_list<std::uint64_t> args) {
  if (task == local::kTaskSelfName) return port_call(call, args);
  const ErrnoGuard errno_guard;
  const bool attached = Task::current().attach();
  return {attached ? MACH_SEND_INVALID_DEST : KERN_FAILURE, {}};
}

// Hands the one result to the caller; nothing on failure.
template <typename T>
kern_return_t deliver(const CallAnswer& answer, T* out) {
  if (answer.code == KERN_SUCCESS) *out = static_cast<T>(answer.outs[0]);
  return answer.code;
}

}  // namespace
}  // namespace netmsg::client

using netmsg::client::CallAnswer;
using netmsg::client::deliver;
using netmsg::client::task_call;
using netmsg::local::Call;

extern "C" {

NETMSG_EXPORT mach_port_name_t mach_reply_port(void) {
  return netmsg::client::port_call(Call::kReplyPort, {}).outs[0];
}

NETMSG_EXPORT mach_port_name_t __mach_reply_port(void) __attribute__((alias("mach_reply_port")));

NETMSG_EXPORT kern_return_t mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t* ptype) {
  return deliver(task_call(task, Call::kType, {name}), ptype);
}

NETMSG_EXPORT kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right,
                                               mach_port_name_t* name) {
  return deliver(task_call(task, Call::kAllocate, {right}), name);
}

NETMSG_EXPORT kern_return_t mach_port_destroy(ipc_space_t task, mach_port_name_t name) {
  return task_call(task, Call::kDestroy, {name}).code;
}

NETMSG_EXPORT kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name) {
  return task_call(task, Call::kDeallocate, {name}).code;
}

NETMSG_EXPORT kern_return_t mach_port_get_refs(ipc_space_t task, mach_port_name_t name,
                                               mach_port_right_t right, mach_port_urefs_t* refs) {
  return deliver(task_call(task, Call::kGetRefs, {name, right}), refs);
}

NETMSG_EXPORT kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name,
                                               mach_port_right_t right, mach_port_delta_t delta) {
  return task_call(task, Call::kModRefs, {name, right, static_cast<std::uint32_t>(delta)}).code;
}

NETMSG_EXPORT kern_return_t mach_port_set_qlimit(ipc_space_t task, mach_port_name_t name,
                                                 mach_port_msgcount_t qlimit) {
  return task_call(task, Call::kSetQlimit, {name, qlimit}).code;
}

NETMSG_EXPORT kern_return_t mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name,
                                                         mach_port_status_t* status) {
  const CallAnswer answer = task_call(task, Call::kGetReceiveStatus, {name});
  if (answer.code != KERN_SUCCESS) return answer.code;
  status->mps_pset = answer.outs[0];
  status->mps_seqno = answer.outs[1];
  status->mps_mscount = answer.outs[2];
  status->mps_qlimit = answer.outs[3];
  status->mps_msgcount = answer.outs[4];
  status->mps_sorights = answer.outs[5];
  status->mps_srights = static_cast<boolean_t>(answer.outs[6]);
  status->mps_pdrequest = static_cast<boolean_t>(answer.outs[7]);
  status->mps_nsrequest = static_cast<boolean_t>(answer.outs[8]);
  return KERN_SUCCESS;
}

NETMSG_EXPORT kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
                                                   mach_msg_type_name_t polyPoly) {
  return task_call(task, Call::kInsertRight, {name, poly, polyPoly}).code;
}

NETMSG_EXPORT kern_return_t mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                                    mach_msg_type_name_t msgt_name, mach_port_t* poly,
                                                    mach_msg_type_name_t* polyPoly) {
  const CallAnswer answer = task_call(task, Call::kExtractRight, {name, msgt_name});
  if (answer.code == KERN_SUCCESS) *polyPoly = answer.outs[1];
  return deliver(answer, poly);
}

NETMSG_EXPORT kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_name_t name,
                                                           mach_msg_id_t id, mach_port_mscount_t sync,
                                                           mach_port_t notify,
                                                           mach_msg_type_name_t notifyPoly,
                                                           mach_port_t* previous) {
  const auto id_bits = static_cast<std::uint32_t>(id);
  return deliver(task_call(task, Call::kRequestNotification, {name, id_bits, sync, notify, notifyPoly}),
                 previous);
}

}  // extern "C"
