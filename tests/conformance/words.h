// SPDX-License-Identifier: Apache-2.0
// The words of a trace and what they stand for (FORMAT.md §§4-6), for reading and for writing one. Where two words
// have one value, the first is how a sender calls it.
#pragma once

#include <mach/message.h>
#include <mach/notify.h>
#include <mach/port.h>

#include <cstdint>
#include <string_view>

#include "tests/conformance/trace.h"

namespace netmsg::conformance {

using Word = std::string_view;

struct Named {
  Word word;
  std::uint32_t value;
};

inline constexpr Named kTypes[] = {
    {"NONE", 0},
    {"PORT_NAME", MACH_MSG_TYPE_PORT_NAME},
    {"PROTECTED_PAYLOAD", MACH_MSG_TYPE_PROTECTED_PAYLOAD},
    {"MOVE_RECEIVE", MACH_MSG_TYPE_MOVE_RECEIVE},
    {"MOVE_SEND", MACH_MSG_TYPE_MOVE_SEND},
    {"MOVE_SEND_ONCE", MACH_MSG_TYPE_MOVE_SEND_ONCE},
    {"COPY_SEND", MACH_MSG_TYPE_COPY_SEND},
    {"MAKE_SEND", MACH_MSG_TYPE_MAKE_SEND},
    {"MAKE_SEND_ONCE", MACH_MSG_TYPE_MAKE_SEND_ONCE},
    {"RECEIVE", MACH_MSG_TYPE_PORT_RECEIVE},
    {"SEND", MACH_MSG_TYPE_PORT_SEND},
    {"SEND_ONCE", MACH_MSG_TYPE_PORT_SEND_ONCE},
    {"UNSTRUCTURED", MACH_MSG_TYPE_UNSTRUCTURED},
    {"INTEGER_16", MACH_MSG_TYPE_INTEGER_16},
    {"INTEGER_32", MACH_MSG_TYPE_INTEGER_32},
    {"CHAR", MACH_MSG_TYPE_CHAR},
    {"BYTE", MACH_MSG_TYPE_BYTE},
    {"REAL", MACH_MSG_TYPE_REAL},
    {"INTEGER_64", MACH_MSG_TYPE_INTEGER_64},
    {"STRING", MACH_MSG_TYPE_STRING},
};

inline constexpr Named kRights[] = {
    {"SEND", MACH_PORT_RIGHT_SEND},           {"RECEIVE", MACH_PORT_RIGHT_RECEIVE},
    {"SEND_ONCE", MACH_PORT_RIGHT_SEND_ONCE}, {"PORT_SET", MACH_PORT_RIGHT_PORT_SET},
    {"DEAD_NAME", MACH_PORT_RIGHT_DEAD_NAME},
};

inline constexpr Named kVariants[] = {
    {"DEAD_NAME", MACH_NOTIFY_DEAD_NAME},       {"NO_SENDERS", MACH_NOTIFY_NO_SENDERS},
    {"SEND_ONCE", MACH_NOTIFY_SEND_ONCE},       {"PORT_DESTROYED", MACH_NOTIFY_PORT_DESTROYED},
    {"PORT_DELETED", MACH_NOTIFY_PORT_DELETED}, {"MSG_ACCEPTED", MACH_NOTIFY_MSG_ACCEPTED},
};

inline constexpr Named kOptions[] = {
    {"SEND_TIMEOUT", MACH_SEND_TIMEOUT}, {"SEND_NOTIFY", MACH_SEND_NOTIFY}, {"SEND_CANCEL", MACH_SEND_CANCEL},
    {"RCV_TIMEOUT", MACH_RCV_TIMEOUT},   {"RCV_NOTIFY", MACH_RCV_NOTIFY},   {"RCV_LARGE", MACH_RCV_LARGE},
};

// Arguments after the thread, one letter each: n name, o other name, r right, a amount, v variant, p poly
// (DISP:NAME), d disposition.
struct VerbForm {
  Word word;
  Verb verb;
  Word arguments;
};

inline constexpr VerbForm kVerbs[] = {
    {"alloc", Verb::kAlloc, "r"},
    {"alloc_name", Verb::kAllocName, "rn"},
    {"reply_port", Verb::kReplyPort, ""},
    {"dealloc", Verb::kDealloc, "n"},
    {"destroy", Verb::kDestroy, "n"},
    {"mod_refs", Verb::kModRefs, "nra"},
    {"get_refs", Verb::kGetRefs, "nr"},
    {"type", Verb::kType, "n"},
    {"names", Verb::kNames, ""},
    {"rename", Verb::kRename, "no"},
    {"set_qlimit", Verb::kSetQlimit, "na"},
    {"set_mscount", Verb::kSetMscount, "na"},
    {"set_seqno", Verb::kSetSeqno, "na"},
    {"set_pp", Verb::kSetPayload, "na"},
    {"clear_pp", Verb::kClearPayload, "n"},
    {"get_status", Verb::kGetStatus, "n"},
    {"get_set_status", Verb::kGetSetStatus, "n"},
    {"move_member", Verb::kMoveMember, "no"},
    {"req_notify", Verb::kRequestNotification, "nvap"},
    {"insert", Verb::kInsert, "np"},
    {"extract", Verb::kExtract, "nd"},
    {"trap_alloc", Verb::kTrapAlloc, "r"},
    {"trap_dealloc", Verb::kTrapDealloc, "n"},
    {"trap_insert", Verb::kTrapInsert, "np"},
    {"trap_alloc_name", Verb::kTrapAllocName, "rn"},
    {"poll", Verb::kPoll, ""},
    {"join", Verb::kJoin, ""},
    {"abort", Verb::kAbort, ""},
    {"sleep", Verb::kSleep, "a"},
    {"terminate", Verb::kTerminate, ""},
};

}  // namespace netmsg::conformance
