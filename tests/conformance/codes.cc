// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/codes.h"

#include <mach/message.h>
#include <mach/mig_errors.h>

namespace netmsg::conformance {

namespace {

struct Code {
  kern_return_t value;
  const char* name;
};

#define CODE(constant) \
  { constant, #constant }
constexpr Code kCodes[] = {
    CODE(KERN_NO_SPACE),
    CODE(KERN_INVALID_ARGUMENT),
    CODE(KERN_FAILURE),
    CODE(KERN_RESOURCE_SHORTAGE),
    CODE(KERN_NOT_IN_SET),
    CODE(KERN_NAME_EXISTS),
    CODE(KERN_INVALID_NAME),
    CODE(KERN_INVALID_TASK),
    CODE(KERN_INVALID_RIGHT),
    CODE(KERN_INVALID_VALUE),
    CODE(KERN_UREFS_OVERFLOW),
    CODE(KERN_INVALID_CAPABILITY),
    CODE(KERN_RIGHT_EXISTS),
    CODE(MIG_BAD_ID),
    CODE(MIG_BAD_ARGUMENTS),
    CODE(MACH_SEND_INVALID_DATA),
    CODE(MACH_SEND_INVALID_DEST),
    CODE(MACH_SEND_TIMED_OUT),
    CODE(MACH_SEND_WILL_NOTIFY),
    CODE(MACH_SEND_NOTIFY_IN_PROGRESS),
    CODE(MACH_SEND_INTERRUPTED),
    CODE(MACH_SEND_MSG_TOO_SMALL),
    CODE(MACH_SEND_INVALID_REPLY),
    CODE(MACH_SEND_INVALID_RIGHT),
    CODE(MACH_SEND_INVALID_NOTIFY),
    CODE(MACH_SEND_INVALID_MEMORY),
    CODE(MACH_SEND_NO_BUFFER),
    CODE(MACH_SEND_NO_NOTIFY),
    CODE(MACH_SEND_INVALID_TYPE),
    CODE(MACH_SEND_INVALID_HEADER),
    CODE(MACH_RCV_INVALID_NAME),
    CODE(MACH_RCV_TIMED_OUT),
    CODE(MACH_RCV_TOO_LARGE),
    CODE(MACH_RCV_INTERRUPTED),
    CODE(MACH_RCV_PORT_CHANGED),
    CODE(MACH_RCV_INVALID_NOTIFY),
    CODE(MACH_RCV_INVALID_DATA),
    CODE(MACH_RCV_PORT_DIED),
    CODE(MACH_RCV_IN_SET),
    CODE(MACH_RCV_HEADER_ERROR),
    CODE(MACH_RCV_BODY_ERROR),
};
#undef CODE

std::string error_name(kern_return_t code) {
  for (const Code& known : kCodes) {
    if (known.value == code) return known.name;
  }
  return std::to_string(code);
}

}  // namespace

std::string port_call_code(kern_return_t code) {
  return code == KERN_SUCCESS ? "KERN_SUCCESS" : error_name(code);
}

std::string mach_msg_code(kern_return_t code) {
  return code == MACH_MSG_SUCCESS ? "MACH_MSG_SUCCESS" : error_name(code);
}

}  // namespace netmsg::conformance
