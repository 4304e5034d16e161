/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of <mach/notify.defs>. */
#include "tests/stubs/notify_server.h"

#include "tests/stubs/stub.h"

typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t numberType;
  unsigned int number;
  char numberPad[4];
} NumberRequest;
typedef struct {
  mach_msg_header_t Head;
  mach_msg_type_t rightsType;
  mach_port_name_inlined_t rights;
} RightsRequest;
_Static_assert(sizeof(NumberRequest) == 48, "as generated");
_Static_assert(sizeof(RightsRequest) == 48, "as generated");

static const mach_msg_type_t kName = INLINE_ITEM(MACH_MSG_TYPE_PORT_NAME, 32, 1);
static const mach_msg_type_t kReceive = INLINE_ITEM(MACH_MSG_TYPE_PORT_RECEIVE, 64, 1);

typedef kern_return_t (*NumberRoutine)(mach_port_t, unsigned int);

static void serve_number(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP, const mach_msg_type_t* item,
                         NumberRoutine routine) {
  NumberRequest* In0P = (NumberRequest*)InHeadP;
  mig_reply_header_t* OutP = (mig_reply_header_t*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(same_item(&In0P->numberType, item))
  OutP->RetCode = routine(InHeadP->msgh_local_port, In0P->number);
}

static void port_deleted(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_number(InHeadP, OutHeadP, &kName, do_mach_notify_port_deleted);
}
static void msg_accepted(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_number(InHeadP, OutHeadP, &kName, do_mach_notify_msg_accepted);
}
static void no_senders(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_number(InHeadP, OutHeadP, &kInt, do_mach_notify_no_senders);
}
static void dead_name(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  serve_number(InHeadP, OutHeadP, &kName, do_mach_notify_dead_name);
}

static void port_destroyed(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  RightsRequest* In0P = (RightsRequest*)InHeadP;
  mig_reply_header_t* OutP = (mig_reply_header_t*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(same_item(&In0P->rightsType, &kReceive))
  OutP->RetCode = do_mach_notify_port_destroyed(InHeadP->msgh_local_port, In0P->rights.name);
}

static void send_once(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  mig_reply_header_t* OutP = (mig_reply_header_t*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *InHeadP, 0))
  OutP->RetCode = do_mach_notify_send_once(InHeadP->msgh_local_port);
}

/* From MACH_NOTIFY_FIRST on; what was skipped is empty. */
static const mig_routine_t kRoutines[] = {
    0, port_deleted, msg_accepted, 0, 0, port_destroyed, no_senders, send_once, dead_name,
};

boolean_t notify_server(mach_msg_header_t* request, mach_msg_header_t* reply) {
  return dispatch(request, reply, MACH_NOTIFY_FIRST, kRoutines, sizeof kRoutines / sizeof *kRoutines);
}
