// SPDX-License-Identifier: Apache-2.0
#include "tests/support/task_request.h"

#include <mach/mig_errors.h>

#include <cstring>

namespace netmsg::test {

namespace {

Argument item(unsigned type, unsigned bits, std::uint64_t value) {
  Argument made;
  made.descriptor.msgt_name = type & 0xFFU;
  made.descriptor.msgt_size = bits & 0xFFFFU;
  made.descriptor.msgt_inline = 1;
  made.descriptor.msgt_number = 1;
  made.value = value;
  return made;
}

bool is_right(const Argument& argument) {
  return MACH_MSG_TYPE_PORT_ANY(argument.descriptor.msgt_name);
}

}  // namespace

Argument name_item(Name name) {
  return item(MACH_MSG_TYPE_PORT_NAME, 32, name);
}
Argument number_item(std::uint32_t number) {
  return item(MACH_MSG_TYPE_INTEGER_32, 32, number);
}
Argument long_item(std::uint64_t number) {
  return item(MACH_MSG_TYPE_INTEGER_64, 64, number);
}
Argument right_item(unsigned disposition, Name name) {
  return item(disposition, 64, name);
}

Bytes Request::encode(Name target, Name reply, unsigned reply_type) const {
  mach_msg_header_t header{};
  header.msgh_bits = bits | MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, reply_type);
  for (const Argument& argument : arguments) {
    if (is_right(argument)) header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  }
  header.msgh_remote_port = target;
  header.msgh_local_port = reply;
  header.msgh_id = id;
  Bytes bytes(sizeof header + arguments.size() * sizeof(Argument));
  std::memcpy(bytes.data(), &header, sizeof header);
  std::byte* at = bytes.data() + sizeof header;
  for (const Argument& argument : arguments) {
    std::memcpy(at, &argument.descriptor, sizeof argument.descriptor);
    std::memcpy(at + sizeof argument.descriptor, &argument.value, sizeof argument.value);
    at += sizeof argument.descriptor + sizeof argument.value;
  }
  return bytes;
}

std::uint32_t Reply::word(std::uint32_t offset) const {
  std::uint32_t value = 0;
  if (offset + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Reply ask(Task& task, Name reply, Bytes request) {
  Reply answer;
  answer.sent = task.call({.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT, .message = std::move(request)}).code;
  answer.code = answer.sent;
  if (answer.sent != MACH_MSG_SUCCESS) return answer;
  Received got = task.receive(reply);
  answer.received = answer.code = got.code;
  if (got.code != MACH_MSG_SUCCESS) return answer;
  answer.header = got.header;
  answer.bytes = std::move(got.bytes);
  answer.code = static_cast<kern_return_t>(answer.word(offsetof(mig_reply_header_t, RetCode)));
  return answer;
}

Reply ask(Task& task, Name reply, Name target, const Request& request) {
  return ask(task, reply, request.encode(target, reply));
}

}  // namespace netmsg::test
