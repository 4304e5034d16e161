/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of spec 05 section 8. Their scalar arguments are all names and numbers of 32 bits, so that requests of up
 * to three of them share a layout. */
#include "tests/stubs/mach_port_user.h"

#include "tests/stubs/stub.h"

typedef struct {
  mach_msg_type_t type;
  unsigned int value;
  char pad[4];
} Scalar;
typedef struct {
  mach_msg_type_t type;
  mach_port_name_inlined_t port;
} Port;
typedef struct {
  mach_msg_header_t Head;
  Scalar args[3];
} ScalarsRequest;
typedef struct {
  mach_msg_header_t Head;
  Scalar name;
  mach_msg_type_t payloadType;
  rpc_uintptr_t payload;
} PayloadRequest;
typedef struct {
  mach_msg_header_t Head;
  Scalar args[3];
  Port notify;
} NotifyRequest;
typedef struct {
  mach_msg_header_t Head;
  Scalar name;
  Port poly;
} InsertRequest;
_Static_assert(sizeof(PayloadRequest) == 64, "as generated");
_Static_assert(sizeof(NotifyRequest) == 96, "as generated");
_Static_assert(sizeof(InsertRequest) == 64, "as generated");

typedef struct {
  mig_reply_header_t code;
  Scalar result;
} ScalarReply;
typedef struct {
  mig_reply_header_t code;
  Port result;
} PortReply;
typedef struct {
  mig_reply_header_t code;
  mach_msg_type_t statusType;
  mach_port_status_t status;
  char statusPad[4];
} StatusReply;
typedef struct {
  mig_reply_header_t code;
  mach_msg_type_long_t namesType;
  mach_port_name_array_t names;
  mach_msg_type_long_t typesType;
  mach_port_type_array_t types;
} NamesReply;
_Static_assert(sizeof(ScalarReply) == 64, "as generated");
_Static_assert(sizeof(PortReply) == 64, "as generated");
_Static_assert(sizeof(StatusReply) == 96, "as generated");
_Static_assert(sizeof(NamesReply) == 80, "as generated");

typedef union {
  mach_msg_header_t head;
  ScalarsRequest scalars;
  PayloadRequest payload;
  NotifyRequest notify;
  InsertRequest insert;
  mig_reply_header_t code;
  ScalarReply scalar;
  PortReply port;
  StatusReply status;
  NamesReply names;
} Message;

static const mach_msg_type_t kName = INLINE_ITEM(MACH_MSG_TYPE_PORT_NAME, 32, 1);
static const mach_msg_type_t kPayload = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_64, 64, 1);
static const mach_msg_type_t kPolymorphic = INLINE_ITEM(MACH_MSG_TYPE_POLYMORPHIC, 64, 1);
static const mach_msg_type_t kSendOnce = INLINE_ITEM(MACH_MSG_TYPE_PORT_SEND_ONCE, 64, 1);
static const mach_msg_type_t kStatus = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_32, 32, 9);
static const mach_msg_type_long_t kNames = OUT_OF_LINE_ITEM(MACH_MSG_TYPE_PORT_NAME, 32, FALSE);
static const mach_msg_type_long_t kTypes = OUT_OF_LINE_ITEM(MACH_MSG_TYPE_INTEGER_32, 32, FALSE);

static Scalar name_item(mach_port_name_t name) {
  return (Scalar){.type = kName, .value = name};
}
static Scalar int_item(unsigned int value) {
  return (Scalar){.type = kInt, .value = value};
}
static Port port_item(mach_port_t port, mach_msg_type_name_t disposition) {
  Port item = {.type = kPolymorphic, .port = {.name = port}};
  item.type.msgt_name = disposition & 0xff;
  return item;
}

/* A request of `size` bytes whose items are there; a success is a reply of `room` bytes. */
static kern_return_t call(Message* message, ipc_space_t task, mach_msg_id_t id, mach_msg_size_t size,
                          mach_msg_bits_t complex, mach_msg_size_t room, int complex_reply) {
  const struct call form = {.server = task, .id = id, .size = size, .room = room, .complex = complex};
  const kern_return_t code = exchange(&message->head, form);
  if (code != KERN_SUCCESS) return code;
  return code_of(&message->head, has_form(&message->head, room, complex_reply));
}

static kern_return_t code_call(Message* message, ipc_space_t task, mach_msg_id_t id, mach_msg_size_t size,
                               mach_msg_bits_t complex) {
  return call(message, task, id, size, complex, sizeof message->code, 0);
}

/* Puts `count` arguments into a message; the size of the request. */
static mach_msg_size_t put(Message* message, int count, const Scalar* args) {
  memcpy(message->scalars.args, args, (size_t)count * sizeof *args);
  return (mach_msg_size_t)(sizeof(mach_msg_header_t) + (size_t)count * sizeof *args);
}

static kern_return_t scalar_call(ipc_space_t task, mach_msg_id_t id, int count, const Scalar* args,
                                 const mach_msg_type_t* type, unsigned int* result) {
  Message message;
  const mach_msg_size_t size = put(&message, count, args);
  const kern_return_t code = call(&message, task, id, size, 0, sizeof message.scalar, 0);
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&message.scalar.result.type, type)) return MIG_TYPE_ERROR;
  *result = message.scalar.result.value;
  return KERN_SUCCESS;
}

static kern_return_t plain_call(ipc_space_t task, mach_msg_id_t id, int count, const Scalar* args) {
  Message message;
  return code_call(&message, task, id, put(&message, count, args), 0);
}

kern_return_t stub_mach_port_names(ipc_space_t task, mach_port_name_array_t* names,
                                   mach_msg_type_number_t* namesCnt, mach_port_type_array_t* types,
                                   mach_msg_type_number_t* typesCnt) {
  Message message;
  const kern_return_t code = call(&message, task, 3200, sizeof message.head, 0, sizeof message.names, 1);
  if (code != KERN_SUCCESS) return code;
  if (!same_kind(&message.names.namesType.msgtl_header, &kNames.msgtl_header)) return MIG_TYPE_ERROR;
  *names = message.names.names;
  *namesCnt = message.names.namesType.msgtl_number;
  if (!same_kind(&message.names.typesType.msgtl_header, &kTypes.msgtl_header)) return MIG_TYPE_ERROR;
  *types = message.names.types;
  *typesCnt = message.names.typesType.msgtl_number;
  return KERN_SUCCESS;
}

kern_return_t stub_mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t* ptype) {
  const Scalar args[] = {name_item(name)};
  return scalar_call(task, 3201, 1, args, &kInt, ptype);
}

kern_return_t stub_mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t* name) {
  const Scalar args[] = {int_item(right)};
  return scalar_call(task, 3204, 1, args, &kName, name);
}

kern_return_t stub_mach_port_destroy(ipc_space_t task, mach_port_name_t name) {
  const Scalar args[] = {name_item(name)};
  return plain_call(task, 3205, 1, args);
}

kern_return_t stub_mach_port_deallocate(ipc_space_t task, mach_port_name_t name) {
  const Scalar args[] = {name_item(name)};
  return plain_call(task, 3206, 1, args);
}

kern_return_t stub_mach_port_get_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                      mach_port_urefs_t* refs) {
  const Scalar args[] = {name_item(name), int_item(right)};
  return scalar_call(task, 3207, 2, args, &kInt, refs);
}

kern_return_t stub_mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                      mach_port_delta_t delta) {
  const Scalar args[] = {name_item(name), int_item(right), int_item((unsigned int)delta)};
  return plain_call(task, 3208, 3, args);
}

kern_return_t stub_mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after) {
  const Scalar args[] = {name_item(member), name_item(after)};
  return plain_call(task, 3213, 2, args);
}

kern_return_t stub_mach_port_request_notification(ipc_space_t task, mach_port_name_t name, mach_msg_id_t id,
                                                  mach_port_mscount_t sync, mach_port_t notify,
                                                  mach_msg_type_name_t notifyPoly, mach_port_t* previous) {
  Message message;
  kern_return_t code;
  message.notify.args[0] = name_item(name);
  message.notify.args[1] = int_item((unsigned int)id);
  message.notify.args[2] = int_item(sync);
  message.notify.notify = port_item(notify, notifyPoly);
  code = call(&message, task, 3214, sizeof message.notify, MACH_MSGH_BITS_COMPLEX, sizeof message.port, 1);
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&message.port.result.type, &kSendOnce)) return MIG_TYPE_ERROR;
  *previous = message.port.result.port.name;
  return KERN_SUCCESS;
}

kern_return_t stub_mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
                                          mach_msg_type_name_t polyPoly) {
  Message message;
  message.insert.name = name_item(name);
  message.insert.poly = port_item(poly, polyPoly);
  return code_call(&message, task, 3215, sizeof message.insert,
                   MACH_MSG_TYPE_PORT_ANY(polyPoly) ? MACH_MSGH_BITS_COMPLEX : 0);
}

kern_return_t stub_mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                           mach_msg_type_name_t msgt_name, mach_port_t* poly,
                                           mach_msg_type_name_t* polyPoly) {
  Message message;
  const Scalar args[] = {name_item(name), int_item(msgt_name)};
  const mach_msg_size_t size = put(&message, 2, args);
  const kern_return_t code = call(&message, task, 3216, size, 0, sizeof message.port, 1);
  if (code != KERN_SUCCESS) return code;
  if (!is_one_port(&message.head, &message.port.result.type)) return MIG_TYPE_ERROR;
  *poly = message.port.result.port.name;
  *polyPoly = message.port.result.type.msgt_name;
  return KERN_SUCCESS;
}

kern_return_t stub_mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name,
                                                mach_port_status_t* status) {
  Message message;
  const Scalar args[] = {name_item(name)};
  const mach_msg_size_t size = put(&message, 1, args);
  const kern_return_t code = call(&message, task, 3217, size, 0, sizeof message.status, 0);
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&message.status.statusType, &kStatus)) return MIG_TYPE_ERROR;
  *status = message.status.status;
  return KERN_SUCCESS;
}

kern_return_t stub_mach_port_set_protected_payload(ipc_space_t task, mach_port_name_t name,
                                                   rpc_uintptr_t payload) {
  Message message;
  message.payload.name = name_item(name);
  message.payload.payloadType = kPayload;
  message.payload.payload = payload;
  return code_call(&message, task, 3221, sizeof message.payload, 0);
}
