// SPDX-License-Identifier: Apache-2.0
// What a replay drives: one implementation of Mach IPC, with two tasks. Names are numbers here, messages are
// bytes in the layout of spec 02. One case at a time; one thread makes all calls.
#pragma once

#include <mach/message.h>
#include <mach/port.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "tests/conformance/trace.h"

namespace netmsg::conformance {

using Name = mach_port_name_t;
using Bytes = std::vector<std::byte>;
using Address = std::uint64_t;  // in a task's memory

// The arguments of a port call; each verb uses its own (see Operation, whose fields these are).
struct PortCall {
  Verb verb = Verb::kAlloc;
  SpaceId caller = SpaceId::kT0;
  SpaceId target = SpaceId::kT0;
  Name name = 0;
  Name other = 0;
  std::uint32_t right = 0;
  std::int64_t amount = 0;
  std::int32_t variant = 0;
  Name poly = 0;
  mach_msg_type_name_t poly_type = 0;
};

struct PortAnswer {
  kern_return_t code = KERN_SUCCESS;
  Name name = 0;                  // allocated, extracted, previous
  mach_msg_type_name_t type = 0;  // extract: of the right as received
  std::uint64_t number = 0;       // urefs, type bits
  std::vector<Name> names = {};   // names, get_set_status
};

// What a name denotes, as mach_port_type, mach_port_get_refs and mach_port_get_receive_status tell it.
struct NameState {
  mach_port_type_t type = 0;
  std::array<std::uint32_t, 5> refs{};  // by MACH_PORT_RIGHT_*; of the rights in `type`
  mach_port_status_t status{};          // of a receive right
};
using SpaceView = std::map<Name, NameState>;

// The arguments of mach_msg; `message` is empty without MACH_SEND_MSG.
struct MsgArguments {
  mach_msg_option_t option = 0;
  mach_msg_size_t rcv_size = 0;
  Name rcv_name = 0;
  mach_msg_timeout_t timeout_ms = 0;
  Name notify = 0;
  Bytes message = {};
  bool unmapped = false;  // the buffer's address means nothing
};

// What a mach_msg left behind: its code, and the bytes that it wrote into the caller's buffer, from `offset`
// on.
struct MsgAnswer {
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  std::uint32_t offset = 0;
  Bytes written = {};
};

// The implementation has failed in a way that no call answers: its task or its daemon has died.
struct BackendFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Each call may throw BackendFailure; end_case() must be called then, too.
class Backend {
 public:
  virtual ~Backend() = default;

  // Is each task on a host of its own?
  virtual bool has_several_hosts() const = 0;

  // Two tasks with empty port spaces; and their end, with everything that waits.
  virtual void begin_case() = 0;
  virtual void end_case() = 0;

  virtual PortAnswer port_call(const PortCall& call) = 0;
  // All names of a space, also those that no operation mentions. Empty after the task's end.
  virtual SpaceView look(SpaceId space) = 0;
  // A name that denotes nothing in the space and was never chosen for it.
  virtual Name unused_name(SpaceId space) = 0;

  // A fresh region of the task's memory, page aligned, with this content. REQUIRES: not empty.
  virtual Address place_memory(SpaceId space, const Bytes& content) = 0;
  // Nothing if not all of it is mapped.
  virtual std::optional<Bytes> read_memory(SpaceId space, Address address, std::size_t size) = 0;

  // Begins a mach_msg. REQUIRES: none of this thread is under way.
  virtual void start(Thread thread, MsgArguments arguments) = 0;
  // The result, once, if there is one by now.
  virtual std::optional<MsgAnswer> result(Thread thread) = 0;
  // The same after as much time as the call may take. No value: it waits for something else than time.
  virtual std::optional<MsgAnswer> wait(Thread thread) = 0;
  // thread_abort: a waiting call ends with an INTERRUPTED code.
  virtual void abort(Thread thread) = 0;
  virtual void sleep(std::uint32_t milliseconds) = 0;
  virtual void terminate(SpaceId space) = 0;

  // After every operation: what the operation caused has come to its end when this returns.
  virtual void settle() = 0;
};

}  // namespace netmsg::conformance
