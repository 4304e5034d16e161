// SPDX-License-Identifier: Apache-2.0
#include "tests/support/task_request.h"

#include <mach/mig_errors.h>

#include <cstring>
#include <span>

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

Argument rights_item(unsigned disposition, std::vector<Name> names) {
  Argument made = item(disposition, 32, 0xDEAD0000);
  made.descriptor.msgt_inline = 0;
  made.descriptor.msgt_longform = 1;
  made.descriptor.msgt_number = static_cast<mach_msg_type_number_t>(names.size());
  made.array = std::move(names);
  return made;
}

std::vector<ipc::MemoryRef> Request::memory() const {
  std::vector<ipc::MemoryRef> regions;
  for (const Argument& argument : arguments) {
    if (argument.array.empty()) continue;
    Bytes bytes(argument.array.size() * sizeof argument.array[0]);
    std::memcpy(bytes.data(), argument.array.data(), bytes.size());
    regions.push_back(ipc::MemoryRef::of(std::move(bytes)));
  }
  return regions;
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
  Bytes bytes(sizeof header + arguments.size() * 16);
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

Reply ask(Task& task, Name reply, Bytes request, std::vector<ipc::MemoryRef> memory) {
  Reply answer;
  answer.sent = task.call({.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                           .message = std::move(request),
                           .memory = std::move(memory)})
                    .code;
  answer.code = answer.sent;
  return answer.sent == MACH_MSG_SUCCESS ? take_reply(task, reply) : answer;
}

Reply take_reply(Task& task, Name reply) {
  Reply answer;
  Received got = task.receive(reply);
  answer.received = answer.code = got.code;
  if (got.code != MACH_MSG_SUCCESS) return answer;
  answer.header = got.header;
  answer.bytes = std::move(got.bytes);
  for (const ipc::Region& region : got.regions) {
    std::vector<std::uint32_t>& array = answer.arrays.emplace_back(region.memory.length() / 4);
    region.memory.read_here(0, std::as_writable_bytes(std::span(array)));
  }
  answer.code = static_cast<kern_return_t>(answer.word(offsetof(mig_reply_header_t, RetCode)));
  return answer;
}

Reply ask(Task& task, Name reply, Name target, const Request& request) {
  return ask(task, reply, request.encode(target, reply), request.memory());
}

}  // namespace netmsg::test
