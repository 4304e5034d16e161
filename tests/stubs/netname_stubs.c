/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of spec 08 section 3. A name is one element of 640 bits, which only the long form could once describe. */
#include "tests/stubs/netname_stubs.h"

#include "tests/stubs/stub.h"

enum { kCheckIn = 1040, kLookUp, kCheckOut, kVersion };

typedef struct {
  mach_msg_type_long_t type;
  netname_name_t name;
} Name;
typedef struct {
  mach_msg_type_t type;
  mach_port_name_inlined_t port;
} Port;

typedef struct {
  mach_msg_header_t Head;
  Name port_name;
  Port signature;
  Port port_id;
} CheckInRequest;
typedef struct {
  mach_msg_header_t Head;
  Name host_name;
  Name port_name;
} LookUpRequest;
typedef struct {
  mach_msg_header_t Head;
  Name port_name;
  Port signature;
} CheckOutRequest;
typedef struct {
  mach_msg_header_t Head;
} VersionRequest;
typedef struct {
  mig_reply_header_t code;
  Port port_id;
} LookUpReply;
typedef struct {
  mig_reply_header_t code;
  Name version;
} VersionReply;
_Static_assert(sizeof(CheckInRequest) == 152, "as generated");
_Static_assert(sizeof(LookUpRequest) == 208, "as generated");
_Static_assert(sizeof(CheckOutRequest) == 136, "as generated");
_Static_assert(sizeof(LookUpReply) == 64, "as generated");
_Static_assert(sizeof(VersionReply) == 136, "as generated");

static const mach_msg_type_long_t kName = {
    .msgtl_header = {.msgt_name = (unsigned char)MACH_MSG_TYPE_STRING,
                     .msgt_size = 640,
                     .msgt_number = 1,
                     .msgt_inline = TRUE,
                     .msgt_longform = TRUE,
                     .msgt_deallocate = FALSE,
                     .msgt_unused = 0},
};
static const mach_msg_type_t kCopySend = INLINE_ITEM(MACH_MSG_TYPE_COPY_SEND, 64, 1);
static const mach_msg_type_t kMakeSend = INLINE_ITEM(MACH_MSG_TYPE_MAKE_SEND, 64, 1);
static const mach_msg_type_t kMoveSend = INLINE_ITEM(MACH_MSG_TYPE_MOVE_SEND, 64, 1); /* and PORT_SEND */

static int is_name(const Name* name) {
  return same_item(&name->type.msgtl_header, &kName.msgtl_header);
}

static void put_name(Name* item, const char* name) {
  item->type = kName;
  (void)mig_strncpy(item->name, name, sizeof item->name);
}

static void put_port(Port* item, mach_port_t port, mach_msg_type_t type) {
  item->type = type;
  item->port.name = port;
}

/* --- the user's side --- */

kern_return_t stub_netname_check_in(mach_port_t server_port, const_netname_name_t port_name,
                                    mach_port_t signature, mach_port_t port_id) {
  union {
    CheckInRequest In;
    mig_reply_header_t Out;
  } Mess;
  const struct call call = {.server = server_port,
                            .id = kCheckIn,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSGH_BITS_COMPLEX};
  kern_return_t code;
  put_name(&Mess.In.port_name, port_name);
  put_port(&Mess.In.signature, signature, kCopySend);
  put_port(&Mess.In.port_id, port_id, kMakeSend);
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  return code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
}

kern_return_t stub_netname_look_up(mach_port_t server_port, const_netname_name_t host_name,
                                   const_netname_name_t port_name, mach_port_t* port_id) {
  union {
    LookUpRequest In;
    LookUpReply Out;
  } Mess;
  const struct call call = {
      .server = server_port, .id = kLookUp, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code;
  put_name(&Mess.In.host_name, host_name);
  put_name(&Mess.In.port_name, port_name);
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.In.Head, has_form(&Mess.In.Head, sizeof Mess.Out, 1));
  if (code != KERN_SUCCESS) return code;
  if (!same_item(&Mess.Out.port_id.type, &kMoveSend)) return MIG_TYPE_ERROR;
  *port_id = Mess.Out.port_id.port.name;
  return KERN_SUCCESS;
}

kern_return_t stub_netname_check_out(mach_port_t server_port, const_netname_name_t port_name,
                                     mach_port_t signature) {
  union {
    CheckOutRequest In;
    mig_reply_header_t Out;
  } Mess;
  const struct call call = {.server = server_port,
                            .id = kCheckOut,
                            .size = sizeof Mess.In,
                            .room = sizeof Mess.Out,
                            .complex = MACH_MSGH_BITS_COMPLEX};
  kern_return_t code;
  put_name(&Mess.In.port_name, port_name);
  put_port(&Mess.In.signature, signature, kCopySend);
  code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  return code_of(&Mess.Out.Head, has_form(&Mess.Out.Head, sizeof Mess.Out, 0));
}

kern_return_t stub_netname_version(mach_port_t server_port, netname_name_t version) {
  union {
    VersionRequest In;
    VersionReply Out;
  } Mess;
  const struct call call = {
      .server = server_port, .id = kVersion, .size = sizeof Mess.In, .room = sizeof Mess.Out};
  kern_return_t code = exchange(&Mess.In.Head, call);
  if (code != KERN_SUCCESS) return code;
  code = code_of(&Mess.In.Head, has_form(&Mess.In.Head, sizeof Mess.Out, 0));
  if (code != KERN_SUCCESS) return code;
  if (!is_name(&Mess.Out.version)) return MIG_TYPE_ERROR;
  (void)mig_strncpy(version, Mess.Out.version.name, sizeof Mess.Out.version.name);
  return KERN_SUCCESS;
}

/* --- the server's side --- */

static void check_in(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  CheckInRequest* In0P = (CheckInRequest*)InHeadP;
  mig_reply_header_t* OutP = (mig_reply_header_t*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(is_name(&In0P->port_name))
  REQUIRE(same_item(&In0P->signature.type, &kMoveSend))
  REQUIRE(same_item(&In0P->port_id.type, &kMoveSend))
  OutP->RetCode = do_netname_check_in(InHeadP->msgh_local_port, In0P->port_name.name,
                                      In0P->signature.port.name, In0P->port_id.port.name);
}

static void look_up(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  LookUpRequest* In0P = (LookUpRequest*)InHeadP;
  LookUpReply* reply = (LookUpReply*)OutHeadP;
  mig_reply_header_t* OutP = &reply->code;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 0))
  REQUIRE(is_name(&In0P->host_name))
  REQUIRE(is_name(&In0P->port_name))
  OutP->RetCode = do_netname_look_up(InHeadP->msgh_local_port, In0P->host_name.name, In0P->port_name.name,
                                     &reply->port_id.port.name);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  OutP->Head.msgh_size = sizeof *reply;
  reply->port_id.type = kMoveSend;
}

static void check_out(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  CheckOutRequest* In0P = (CheckOutRequest*)InHeadP;
  mig_reply_header_t* OutP = (mig_reply_header_t*)OutHeadP;
  REQUIRE(has_form(InHeadP, sizeof *In0P, 1))
  REQUIRE(is_name(&In0P->port_name))
  REQUIRE(same_item(&In0P->signature.type, &kMoveSend))
  OutP->RetCode =
      do_netname_check_out(InHeadP->msgh_local_port, In0P->port_name.name, In0P->signature.port.name);
}

static void tell_version(mach_msg_header_t* InHeadP, mach_msg_header_t* OutHeadP) {
  VersionReply* reply = (VersionReply*)OutHeadP;
  mig_reply_header_t* OutP = &reply->code;
  REQUIRE(has_form(InHeadP, sizeof(VersionRequest), 0))
  OutP->RetCode = do_netname_version(InHeadP->msgh_local_port, reply->version.name);
  if (OutP->RetCode != KERN_SUCCESS) return;
  OutP->Head.msgh_size = sizeof *reply;
  reply->version.type = kName;
}

static const mig_routine_t kRoutines[] = {check_in, look_up, check_out, tell_version};

boolean_t netname_server(mach_msg_header_t* request, mach_msg_header_t* reply) {
  return dispatch(request, reply, kCheckIn, kRoutines, sizeof kRoutines / sizeof *kRoutines);
}
