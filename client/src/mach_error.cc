// SPDX-License-Identifier: Apache-2.0
// Codes in words (spec 07 §6). Contracts: <mach_error.h>.
#include <mach.h>
#include <netmsg.h>
#include <servers/netname_defs.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "client/src/export.h"

namespace {

struct Text {
  mach_error_t code;
  const char* text;
};

constexpr Text kTexts[] = {
    {KERN_SUCCESS, "(os/kern) success"},
    {KERN_INVALID_ADDRESS, "(os/kern) invalid address"},
    {KERN_PROTECTION_FAILURE, "(os/kern) protection failure"},
    {KERN_NO_SPACE, "(os/kern) no space available"},
    {KERN_INVALID_ARGUMENT, "(os/kern) invalid argument"},
    {KERN_FAILURE, "(os/kern) failure"},
    {KERN_RESOURCE_SHORTAGE, "(os/kern) resource shortage"},
    {KERN_NOT_RECEIVER, "(os/kern) not receiver"},
    {KERN_NO_ACCESS, "(os/kern) no access"},
    {KERN_MEMORY_FAILURE, "(os/kern) memory failure"},
    {KERN_MEMORY_ERROR, "(os/kern) memory error"},
    {KERN_NOT_IN_SET, "(os/kern) not in a port set"},
    {KERN_NAME_EXISTS, "(os/kern) name exists"},
    {KERN_ABORTED, "(os/kern) aborted"},
    {KERN_INVALID_NAME, "(os/kern) invalid name"},
    {KERN_INVALID_TASK, "(os/kern) invalid task"},
    {KERN_INVALID_RIGHT, "(os/kern) invalid right"},
    {KERN_INVALID_VALUE, "(os/kern) invalid value"},
    {KERN_UREFS_OVERFLOW, "(os/kern) too many user references"},
    {KERN_INVALID_CAPABILITY, "(os/kern) invalid capability"},
    {KERN_RIGHT_EXISTS, "(os/kern) right exists under another name"},
    {KERN_INVALID_HOST, "(os/kern) invalid host"},
    {KERN_MEMORY_PRESENT, "(os/kern) memory present"},
    {KERN_WRITE_PROTECTION_FAILURE, "(os/kern) write protection failure"},
    {KERN_TERMINATED, "(os/kern) object terminated"},
    {KERN_TIMEDOUT, "(os/kern) operation timed out"},
    {KERN_INTERRUPTED, "(os/kern) operation interrupted"},
    {MACH_SEND_IN_PROGRESS, "(ipc/send) in progress"},
    {MACH_SEND_INVALID_DATA, "(ipc/send) message not readable"},
    {MACH_SEND_INVALID_DEST, "(ipc/send) invalid destination port"},
    {MACH_SEND_TIMED_OUT, "(ipc/send) timed out"},
    {MACH_SEND_WILL_NOTIFY, "(ipc/send) queued, will notify"},
    {MACH_SEND_NOTIFY_IN_PROGRESS, "(ipc/send) notification in progress"},
    {MACH_SEND_INTERRUPTED, "(ipc/send) interrupted"},
    {MACH_SEND_MSG_TOO_SMALL, "(ipc/send) message too small"},
    {MACH_SEND_INVALID_REPLY, "(ipc/send) invalid reply port"},
    {MACH_SEND_INVALID_RIGHT, "(ipc/send) invalid right in the body"},
    {MACH_SEND_INVALID_NOTIFY, "(ipc/send) invalid notify port"},
    {MACH_SEND_INVALID_MEMORY, "(ipc/send) invalid out-of-line memory"},
    {MACH_SEND_NO_BUFFER, "(ipc/send) no message buffer"},
    {MACH_SEND_NO_NOTIFY, "(ipc/send) no resources for the notification"},
    {MACH_SEND_INVALID_TYPE, "(ipc/send) invalid type descriptor"},
    {MACH_SEND_INVALID_HEADER, "(ipc/send) invalid header"},
    {MACH_RCV_IN_PROGRESS, "(ipc/rcv) in progress"},
    {MACH_RCV_INVALID_NAME, "(ipc/rcv) invalid name"},
    {MACH_RCV_TIMED_OUT, "(ipc/rcv) timed out"},
    {MACH_RCV_TOO_LARGE, "(ipc/rcv) message too large"},
    {MACH_RCV_INTERRUPTED, "(ipc/rcv) interrupted"},
    {MACH_RCV_PORT_CHANGED, "(ipc/rcv) port joined a set"},
    {MACH_RCV_INVALID_NOTIFY, "(ipc/rcv) invalid notify port"},
    {MACH_RCV_INVALID_DATA, "(ipc/rcv) buffer not writable"},
    {MACH_RCV_PORT_DIED, "(ipc/rcv) port died"},
    {MACH_RCV_IN_SET, "(ipc/rcv) port is in a set"},
    {MACH_RCV_HEADER_ERROR, "(ipc/rcv) header not receivable"},
    {MACH_RCV_BODY_ERROR, "(ipc/rcv) body not fully receivable"},
    {NETMSG_NOT_BEGUN, "(ipc/netmsg) not begun"},
    {MIG_TYPE_ERROR, "(ipc/mig) wrong type in the message"},
    {MIG_REPLY_MISMATCH, "(ipc/mig) reply does not match the request"},
    {MIG_REMOTE_ERROR, "(ipc/mig) server detected an error"},
    {MIG_BAD_ID, "(ipc/mig) unknown request id"},
    {MIG_BAD_ARGUMENTS, "(ipc/mig) bad arguments"},
    {MIG_NO_REPLY, "(ipc/mig) no reply"},
    {MIG_EXCEPTION, "(ipc/mig) exception"},
    {MIG_ARRAY_TOO_LARGE, "(ipc/mig) array too large"},
    {MIG_SERVER_DIED, "(ipc/mig) server died"},
    {MIG_DESTROY_REQUEST, "(ipc/mig) request destroyed"},
    {NETNAME_NOT_YOURS, "(netname) name belongs to somebody else"},
    {NETNAME_NOT_CHECKED_IN, "(netname) name not checked in"},
    {NETNAME_NO_SUCH_HOST, "(netname) no such host"},
    {NETNAME_HOST_NOT_FOUND, "(netname) host not found"},
    {NETNAME_INVALID_PORT, "(netname) invalid port"},
};

struct Family {
  mach_error_t first;
  mach_error_t last;
  const char* name;
};

constexpr Family kFamilies[] = {
    {0x10000000, 0x10003fff, "(ipc/send) "},
    {0x10004000, 0x10007fff, "(ipc/rcv) "},
    {-399, -300, "(ipc/mig) "},
    {NETNAME_NOT_YOURS, NETNAME_INVALID_PORT, "(netname) "},
    {0, 999, "(os/kern) "},
};

// Detail bits belong to message codes only.
mach_error_t without_details(mach_error_t error) {
  return err_get_system(error) == err_get_system(err_mach_ipc) ? error & ~MACH_MSG_MASK : error;
}

}  // namespace

extern "C" {

NETMSG_EXPORT const char* mach_error_type(mach_error_t error) {
  const auto* family = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                    [error](const Family& f) { return f.first <= error && error <= f.last; });
  return family == std::end(kFamilies) ? "(?/?) " : family->name;
}

NETMSG_EXPORT const char* mach_error_string(mach_error_t error) {
  const mach_error_t code = without_details(error);
  const auto* entry = std::find_if(std::begin(kTexts), std::end(kTexts),
                                   [code](const Text& text) { return text.code == code; });
  return entry == std::end(kTexts) ? "(?/?) unknown error code" : entry->text;
}

NETMSG_EXPORT void mach_error(const char* where, mach_error_t error) {
  std::fprintf(stderr, "%s: %s (0x%x)\n", where, mach_error_string(error), static_cast<unsigned>(error));
}

}  // extern "C"
