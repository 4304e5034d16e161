/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of the stub layer, and the reply that carries nothing but a code (spec 07 section 6, 05 section 8).
 */
#ifndef _MACH_MIG_ERRORS_H_
#define _MACH_MIG_ERRORS_H_

#include <mach/kern_return.h>
#include <mach/message.h>

#define MIG_TYPE_ERROR (-300)
#define MIG_REPLY_MISMATCH (-301)
#define MIG_REMOTE_ERROR (-302)
#define MIG_BAD_ID (-303)
#define MIG_BAD_ARGUMENTS (-304)
#define MIG_NO_REPLY (-305)
#define MIG_EXCEPTION (-306)
#define MIG_ARRAY_TOO_LARGE (-307)
#define MIG_SERVER_DIED (-308)
#define MIG_DESTROY_REQUEST (-309)

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t RetCodeType;
  kern_return_t RetCode;
} mig_reply_header_t;

/* What a server's stub is: takes one request apart, and makes the reply in *reply (spec 07 section 5). */
typedef void (*mig_routine_t)(mach_msg_header_t* request, mach_msg_header_t* reply);

/* One line of the table of a subsystem's stubs that a stub generator makes if asked to. */
typedef struct mig_symtab {
  char* ms_routine_name;
  int ms_routine_number;
  mig_routine_t ms_routine;
} mig_symtab_t;

#ifdef __cplusplus
static_assert(sizeof(mig_reply_header_t) == 48 && offsetof(mig_reply_header_t, RetCode) == 40,
              "spec 05 section 8");
#else
_Static_assert(sizeof(mig_reply_header_t) == 48 && offsetof(mig_reply_header_t, RetCode) == 40,
               "spec 05 section 8");
#endif

#endif /* _MACH_MIG_ERRORS_H_ */
