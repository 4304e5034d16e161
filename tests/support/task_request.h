// SPDX-License-Identifier: Apache-2.0
// Requests to a kernel port made by hand, byte for byte as spec 05 §8 has them, and what comes back.
#pragma once

#include <vector>

#include "tests/support/engine_world.h"

namespace netmsg::test {

// One item of a request: its descriptor and its value, or the elements of an array out of line.
struct Argument {
  mach_msg_type_t descriptor{};
  std::uint64_t value = 0;
  std::vector<std::uint32_t> array = {};
};
Argument name_item(Name name);
Argument number_item(std::uint32_t number);
Argument long_item(std::uint64_t number);
Argument right_item(unsigned disposition, Name name);
Argument rights_item(unsigned disposition, std::vector<Name> names);

struct Request {
  mach_msg_id_t id = 0;
  std::vector<Argument> arguments = {};
  mach_msg_bits_t bits = 0;  // COMPLEX comes by itself if an item carries rights

  Bytes encode(Name target, Name reply, unsigned reply_type = MACH_MSG_TYPE_MAKE_SEND_ONCE) const;
  std::vector<ipc::MemoryRef> memory() const;
};

struct Reply {
  mach_msg_return_t sent = MACH_MSG_SUCCESS;
  mach_msg_return_t received = MACH_MSG_SUCCESS;
  kern_return_t code = KERN_FAILURE;  // of the call; if it did not come back, why
  mach_msg_header_t header{};
  Bytes bytes;
  std::vector<std::vector<std::uint32_t>> arrays;  // the memory that came with it

  std::uint32_t word(std::uint32_t offset) const;
};

// Polls `reply` for an answer.
Reply take_reply(Task& task, Name reply);
// Sends the bytes and polls `reply` for the answer.
Reply ask(Task& task, Name reply, Bytes request, std::vector<ipc::MemoryRef> memory = {});
Reply ask(Task& task, Name reply, Name target, const Request& request);

}  // namespace netmsg::test
