// SPDX-License-Identifier: Apache-2.0
// The port calls (spec 05 §§2-5): what goes in and what comes out of each. Contracts: <mach/mach_port.h>.
#include <mach/mach_port.h>
#include <mach/mig_errors.h>

#include "client/src/export.h"
#include "client/src/task_call.h"

namespace netmsg::client {
namespace {

// The ids of the calls that are made by message only (spec 05 §8).
constexpr mach_msg_id_t kNames = 3200;
constexpr mach_msg_id_t kGetSetStatus = 3212;
constexpr mach_msg_id_t kSetKtype = 3223;

// Hands the one result to the caller; nothing on failure.
template <typename T>
kern_return_t deliver(const TaskAnswer& answer, T* out) {
  if (answer.code == KERN_SUCCESS) *out = static_cast<T>(answer.outs[0]);
  return answer.code;
}

template <typename T>
void deliver_array(const TaskAnswer::Array& array, T** out, mach_msg_type_number_t* count) {
  *out = reinterpret_cast<T*>(array.address);
  *count = array.count;
}

}  // namespace
}  // namespace netmsg::client

using namespace netmsg::client;
using netmsg::local::Call;

extern "C" {

NETMSG_EXPORT kern_return_t mach_port_names(ipc_space_t task, mach_port_name_array_t* names,
                                            mach_msg_type_number_t* namesCnt, mach_port_type_array_t* types,
                                            mach_msg_type_number_t* typesCnt) {
  const TaskAnswer answer = message_call(task, kNames, {}, {Result::kNames, Result::kNumbers});
  if (answer.code != KERN_SUCCESS) return answer.code;
  deliver_array(answer.arrays[0], names, namesCnt);
  deliver_array(answer.arrays[1], types, typesCnt);
  return KERN_SUCCESS;
}

NETMSG_EXPORT kern_return_t mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t* ptype) {
  return deliver(task_call(task, Call::kType, {name_item(name)}, {Result::kNumber}), ptype);
}

NETMSG_EXPORT kern_return_t mach_port_rename(ipc_space_t task, mach_port_name_t old_name,
                                             mach_port_name_t new_name) {
  return task_call(task, Call::kRename, {name_item(old_name), name_item(new_name)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_allocate_name(ipc_space_t task, mach_port_right_t right,
                                                    mach_port_name_t name) {
  return task_call(task, Call::kAllocateName, {number_item(right), name_item(name)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right,
                                               mach_port_name_t* name) {
  return deliver(task_call(task, Call::kAllocate, {number_item(right)}, {Result::kName}), name);
}

NETMSG_EXPORT kern_return_t mach_port_destroy(ipc_space_t task, mach_port_name_t name) {
  return task_call(task, Call::kDestroy, {name_item(name)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name) {
  return task_call(task, Call::kDeallocate, {name_item(name)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_get_refs(ipc_space_t task, mach_port_name_t name,
                                               mach_port_right_t right, mach_port_urefs_t* refs) {
  return deliver(task_call(task, Call::kGetRefs, {name_item(name), number_item(right)}, {Result::kNumber}),
                 refs);
}

NETMSG_EXPORT kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name,
                                               mach_port_right_t right, mach_port_delta_t delta) {
  const auto bits = static_cast<std::uint32_t>(delta);
  return task_call(task, Call::kModRefs, {name_item(name), number_item(right), number_item(bits)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_set_qlimit(ipc_space_t task, mach_port_name_t name,
                                                 mach_port_msgcount_t qlimit) {
  return task_call(task, Call::kSetQlimit, {name_item(name), number_item(qlimit)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_set_mscount(ipc_space_t task, mach_port_name_t name,
                                                  mach_port_mscount_t mscount) {
  return task_call(task, Call::kSetMscount, {name_item(name), number_item(mscount)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_set_seqno(ipc_space_t task, mach_port_name_t name,
                                                mach_port_seqno_t seqno) {
  return task_call(task, Call::kSetSeqno, {name_item(name), number_item(seqno)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_get_set_status(ipc_space_t task, mach_port_name_t name,
                                                     mach_port_name_array_t* members,
                                                     mach_msg_type_number_t* membersCnt) {
  const TaskAnswer answer = message_call(task, kGetSetStatus, {name_item(name)}, {Result::kNames});
  if (answer.code == KERN_SUCCESS) deliver_array(answer.arrays[0], members, membersCnt);
  return answer.code;
}

NETMSG_EXPORT kern_return_t mach_port_move_member(ipc_space_t task, mach_port_name_t member,
                                                  mach_port_name_t after) {
  return task_call(task, Call::kMoveMember, {name_item(member), name_item(after)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name,
                                                         mach_port_status_t* status) {
  const TaskAnswer answer = task_call(task, Call::kGetReceiveStatus, {name_item(name)}, {Result::kStatus});
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

NETMSG_EXPORT kern_return_t mach_port_set_protected_payload(ipc_space_t task, mach_port_name_t name,
                                                            rpc_uintptr_t payload) {
  return task_call(task, Call::kSetPayload, {name_item(name), long_item(payload)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_clear_protected_payload(ipc_space_t task, mach_port_name_t name) {
  return task_call(task, Call::kClearPayload, {name_item(name)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_set_ktype(host_priv_t host_priv, ipc_space_t task,
                                                mach_port_name_t name, mach_port_right_t right,
                                                mach_port_ktype_t ktype) {
  return message_call(host_priv, kSetKtype,
                      {right_item(task, MACH_MSG_TYPE_COPY_SEND), name_item(name), number_item(right),
                       number_item(ktype)},
                      {})
      .code;
}

// A disposition that is none cannot be put into a message: it is refused here, as the engine would.

NETMSG_EXPORT kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
                                                   mach_msg_type_name_t polyPoly) {
  if (!MACH_MSG_TYPE_PORT_ANY(polyPoly)) return KERN_INVALID_VALUE;
  return task_call(task, Call::kInsertRight, {name_item(name), right_item(poly, polyPoly)}, {}).code;
}

NETMSG_EXPORT kern_return_t mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                                    mach_msg_type_name_t msgt_name, mach_port_t* poly,
                                                    mach_msg_type_name_t* polyPoly) {
  const TaskAnswer answer =
      task_call(task, Call::kExtractRight, {name_item(name), number_item(msgt_name)}, {Result::kRight});
  if (answer.code == KERN_SUCCESS) *polyPoly = answer.outs[1];
  return deliver(answer, poly);
}

NETMSG_EXPORT kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_name_t name,
                                                           mach_msg_id_t id, mach_port_mscount_t sync,
                                                           mach_port_t notify,
                                                           mach_msg_type_name_t notifyPoly,
                                                           mach_port_t* previous) {
  if (!MACH_MSG_TYPE_PORT_ANY(notifyPoly)) return MIG_BAD_ARGUMENTS;
  return deliver(task_call(task, Call::kRequestNotification,
                           {name_item(name), number_item(static_cast<std::uint32_t>(id)), number_item(sync),
                            right_item(notify, notifyPoly)},
                           {Result::kSendOnce}),
                 previous);
}

NETMSG_ALIAS(mach_port_names)
NETMSG_ALIAS(mach_port_type)
NETMSG_ALIAS(mach_port_rename)
NETMSG_ALIAS(mach_port_allocate_name)
NETMSG_ALIAS(mach_port_allocate)
NETMSG_ALIAS(mach_port_destroy)
NETMSG_ALIAS(mach_port_deallocate)
NETMSG_ALIAS(mach_port_get_refs)
NETMSG_ALIAS(mach_port_mod_refs)
NETMSG_ALIAS(mach_port_set_qlimit)
NETMSG_ALIAS(mach_port_set_mscount)
NETMSG_ALIAS(mach_port_set_seqno)
NETMSG_ALIAS(mach_port_get_set_status)
NETMSG_ALIAS(mach_port_move_member)
NETMSG_ALIAS(mach_port_get_receive_status)
NETMSG_ALIAS(mach_port_set_protected_payload)
NETMSG_ALIAS(mach_port_clear_protected_payload)
NETMSG_ALIAS(mach_port_set_ktype)
NETMSG_ALIAS(mach_port_insert_right)
NETMSG_ALIAS(mach_port_extract_right)
NETMSG_ALIAS(mach_port_request_notification)

}  // extern "C"
