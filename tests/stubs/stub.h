/* SPDX-License-Identifier: Apache-2.0 */
/* What every stub does, in the form that current stub generators give it (spec 07 section 5): the same descriptors,
 * the same checks, the same order. A generator writes this out in each routine; here it stands once. */
#ifndef TESTS_STUBS_STUB_H_
#define TESTS_STUBS_STUB_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <mach/mig_support.h>
#include <mach/notify.h>
#include <stdint.h>

/* --- descriptors --- */

#define INLINE_ITEM(name, bits, number)                                                                    \
  {                                                                                                        \
    .msgt_name = (unsigned char)(name), .msgt_size = (bits), .msgt_number = (number), .msgt_inline = TRUE, \
    .msgt_longform = FALSE, .msgt_deallocate = FALSE, .msgt_unused = 0                                     \
  }
#define OUT_OF_LINE_ITEM(name, bits, dealloc)            \
  {                                                      \
    .msgtl_header = {.msgt_name = (unsigned char)(name), \
                     .msgt_size = (bits),                \
                     .msgt_number = 0,                   \
                     .msgt_inline = FALSE,               \
                     .msgt_longform = TRUE,              \
                     .msgt_deallocate = (dealloc),       \
                     .msgt_unused = 0},                  \
  }

static const mach_msg_type_t kInt = INLINE_ITEM(MACH_MSG_TYPE_INTEGER_32, 32, 1);

/* All 64 bits. */
static inline int same_item(const mach_msg_type_t* found, const mach_msg_type_t* expected) {
  union {
    mach_msg_type_t item;
    uint64_t word;
  } a = {.item = *found}, b = {.item = *expected};
  return a.word == b.word;
}

/* Where the number of elements is the message's to say. */
static inline int same_kind(const mach_msg_type_t* found, const mach_msg_type_t* expected) {
  return found->msgt_inline == expected->msgt_inline && found->msgt_longform == expected->msgt_longform &&
         found->msgt_name == expected->msgt_name && found->msgt_size == expected->msgt_size;
}

static inline int is_complex(const mach_msg_header_t* head) {
  return (head->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
}

static inline int has_form(const mach_msg_header_t* head, mach_msg_size_t size, int complex) {
  return head->msgh_size == size && is_complex(head) == complex;
}

/* A polymorphic item: one port of any kind, or the name of one. */
static inline int is_one_port(const mach_msg_header_t* head, const mach_msg_type_t* item) {
  return item->msgt_inline && !item->msgt_longform && item->msgt_number == 1 && item->msgt_size == 64 &&
         (is_complex(head) || !MACH_MSG_TYPE_PORT_ANY(item->msgt_name));
}

/* Bytes of an item's data, padded as in the message. */
static inline mach_msg_size_t padded(mach_msg_size_t bytes) {
  return (bytes + 7) & ~7U;
}

/* --- the user's side --- */

struct call {
  mach_port_t server;
  mach_msg_id_t id;
  mach_msg_size_t size; /* of the request */
  mach_msg_size_t room; /* for the reply */
  mach_msg_bits_t complex;
  mach_msg_option_t option;
  mach_msg_timeout_t timeout;
};

/* Sends the request that lies behind `head` and receives what answers it in its place. */
static inline kern_return_t exchange(mach_msg_header_t* head, struct call call) {
  mach_msg_return_t code;
  head->msgh_bits = call.complex | MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  head->msgh_remote_port = call.server;
  head->msgh_local_port = mig_get_reply_port();
  head->msgh_seqno = 0;
  head->msgh_id = call.id;
  head->msgh_size = call.size;
  code = mach_msg(head, MACH_SEND_MSG | MACH_RCV_MSG | call.option, call.size, call.room,
                  head->msgh_local_port, call.timeout, MACH_PORT_NULL);
  if (code != MACH_MSG_SUCCESS) {
    mig_dealloc_reply_port(head->msgh_local_port);
    return code;
  }
  mig_put_reply_port(head->msgh_local_port);
  if (head->msgh_id == call.id + 100) return KERN_SUCCESS;
  if (head->msgh_id == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
  mig_dealloc_reply_port(head->msgh_local_port);
  return MIG_REPLY_MISMATCH;
}

/* The code in a reply; `success_form` says whether the reply has the form of a success. */
static inline kern_return_t code_of(const mach_msg_header_t* head, int success_form) {
  const mig_reply_header_t* reply = (const mig_reply_header_t*)head;
  if (!success_form && (!has_form(head, sizeof *reply, 0) || reply->RetCode == KERN_SUCCESS))
    return MIG_TYPE_ERROR;
  if (!same_item(&reply->RetCodeType, &kInt)) return MIG_TYPE_ERROR;
  return reply->RetCode;
}

/* --- the server's side --- */

#define REQUIRE(condition)             \
  if (!(condition)) {                  \
    OutP->RetCode = MIG_BAD_ARGUMENTS; \
    return;                            \
  }

/* The beginning of a demultiplexer: the header of the reply, which says nothing yet. */
static inline void begin_reply(const mach_msg_header_t* request, mig_reply_header_t* reply) {
  reply->Head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(request->msgh_bits), 0);
  reply->Head.msgh_size = sizeof *reply;
  reply->Head.msgh_remote_port = request->msgh_remote_port;
  reply->Head.msgh_local_port = MACH_PORT_NULL;
  reply->Head.msgh_seqno = 0;
  reply->Head.msgh_id = request->msgh_id + 100;
  reply->RetCodeType = kInt;
}

/* The rest of it. FALSE: there is no such routine. */
static inline boolean_t dispatch(mach_msg_header_t* request, mach_msg_header_t* reply, mach_msg_id_t first,
                                 const mig_routine_t* routines, int count) {
  mig_reply_header_t* out = (mig_reply_header_t*)reply;
  const mach_msg_id_t index = request->msgh_id - first;
  begin_reply(request, out);
  if (index < 0 || index >= count || routines[index] == 0) {
    out->RetCode = MIG_BAD_ID;
    return FALSE;
  }
  routines[index](request, reply);
  return TRUE;
}

#endif /* TESTS_STUBS_STUB_H_ */
