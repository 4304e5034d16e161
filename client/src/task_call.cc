// SPDX-License-Identifier: Apache-2.0
#include "client/src/task_call.h"

#include <mach.h>

#include <algorithm>
#include <cstring>

#include "client/src/guards.h"
#include "client/src/item.h"
#include "client/src/mach_calls.h"
#include "client/src/rpc.h"

namespace netmsg::client {

namespace {

constexpr mach_msg_type_t array_item(unsigned name, mach_msg_type_number_t count) {
  mach_msg_type_t type = inline_item(name, 32);
  type.msgt_inline = 0;
  type.msgt_longform = 1;
  type.msgt_number = count;
  return type;
}

bool is_right(const Argument& argument) {
  return argument.type.msgt_inline && MACH_MSG_TYPE_PORT_ANY(argument.type.msgt_name);
}

// ---------------------------------------------------------------- the short way

TaskAnswer short_call(mach_port_t task, local::Call call, Arguments arguments) {
  local::PortCall request{static_cast<std::uint32_t>(call), task, {}};
  std::uint64_t* arg = request.args;
  for (const Argument& argument : arguments) {
    *arg++ = argument.value;
    if (is_right(argument)) *arg++ = argument.type.msgt_name;
  }
  const CallAnswer answer = port_call(request);
  TaskAnswer given{answer.code, {}, {}};
  std::copy(std::begin(answer.outs), std::end(answer.outs), given.outs);
  return given;
}

// ---------------------------------------------------------------- by message: request

constexpr std::size_t kItemSize = sizeof(mach_msg_type_t) + 8;
constexpr std::size_t kItemsMax = 4;

// Room for any request and any reply of spec 05 §8.
union Buffer {
  mach_msg_header_t head;
  mig_reply_header_t reply;
  std::byte bytes[128];
};
static_assert(sizeof(mach_msg_header_t) + kItemsMax * kItemSize <= sizeof(Buffer));

mach_msg_size_t write_request(Buffer* buffer, mach_msg_id_t id, Arguments arguments) {
  std::byte* at = buffer->bytes + sizeof(mach_msg_header_t);
  for (const Argument& argument : arguments) {
    if (is_right(argument) || !argument.type.msgt_inline) buffer->head.msgh_bits = MACH_MSGH_BITS_COMPLEX;
    std::memcpy(at, &argument.type, sizeof argument.type);
    std::memcpy(at + sizeof argument.type, &argument.value, sizeof argument.value);
    at += kItemSize;
  }
  buffer->head.msgh_id = id;
  return static_cast<mach_msg_size_t>(at - buffer->bytes);
}

// ---------------------------------------------------------------- by message: reply

mach_msg_type_t type_of(Result result) {
  switch (result) {
    case Result::kName:
      return inline_item(MACH_MSG_TYPE_PORT_NAME, 32);
    case Result::kStatus: {
      mach_msg_type_t type = inline_item(MACH_MSG_TYPE_INTEGER_32, 32);
      type.msgt_number = sizeof(mach_port_status_t) / sizeof(integer_t);
      return type;
    }
    case Result::kStatistics: {
      mach_msg_type_t type = inline_item(MACH_MSG_TYPE_INTEGER_32, 32);
      type.msgt_number = sizeof(vm_statistics_data_t) / sizeof(integer_t);
      return type;
    }
    case Result::kSend:
      return inline_item(MACH_MSG_TYPE_PORT_SEND, 64);
    case Result::kSendOnce:
      return inline_item(MACH_MSG_TYPE_PORT_SEND_ONCE, 64);
    case Result::kRight:
      return inline_item(MACH_MSG_TYPE_PORT_RECEIVE, 64);
    case Result::kNames:
      return array_item(MACH_MSG_TYPE_PORT_NAME, 0);
    case Result::kNumbers:
      return array_item(MACH_MSG_TYPE_INTEGER_32, 0);
    case Result::kSends:
      return array_item(MACH_MSG_TYPE_PORT_SEND, 0);
    case Result::kNumber:
      break;
  }
  return inline_item(MACH_MSG_TYPE_INTEGER_32, 32);
}

// The value of an item, padded as it stands in the message; an address, for an array.
std::uint32_t value_size(const mach_msg_type_t& type) {
  constexpr std::uint32_t kAddressSize = sizeof(vm_address_t);
  return type.msgt_inline ? (type.msgt_number * type.msgt_size / 8 + 7) / 8 * 8 : kAddressSize;
}

bool has_rights(Result result) {
  return result == Result::kSend || result == Result::kSendOnce || result == Result::kRight;
}

bool is_complex(Result result) {
  return has_rights(result) || type_of(result).msgt_inline == 0;
}

ReplyForm form_of(mach_msg_id_t id, Results results) {
  mach_msg_size_t size = sizeof(mig_reply_header_t);
  for (const Result result : results) {
    size += static_cast<mach_msg_size_t>(sizeof(mach_msg_type_t)) + value_size(type_of(result));
  }
  return {id, size, std::any_of(results.begin(), results.end(), is_complex)};
}

// Takes the results out of a reply, one after the other.
class ReplyReader {
 public:
  ReplyReader(const Buffer& buffer, TaskAnswer* answer)
      : buffer_(buffer), out_(answer->outs), array_(answer->arrays) {}

  // False: that is not such a result.
  bool read(Result result) {
    Item item;
    if (!next_item(buffer_.bytes, buffer_.head.msgh_size, &at_, &item)) return false;
    if (!same_type(item.type, expected(result, item.type))) return false;
    is_out_of_line(item) ? read_array(item) : read_values(result, item);
    return true;
  }

 private:
  // What is free in a descriptor is taken from the one that was found: the kind of a right, the length of an
  // array and where its memory came from.
  static mach_msg_type_t expected(Result result, const mach_msg_type_t& found) {
    mach_msg_type_t type = type_of(result);
    if (result == Result::kRight && MACH_MSG_TYPE_PORT_ANY_RIGHT(found.msgt_name)) {
      type.msgt_name = found.msgt_name;
    }
    if (!type.msgt_inline) {
      type.msgt_number = found.msgt_number;
      type.msgt_deallocate = 1;
    }
    return type;
  }

  void read_values(Result result, const Item& item) {
    const mach_msg_type_number_t count = item.type.msgt_number;
    std::memcpy(out_, buffer_.bytes + item.content, count * sizeof *out_);
    out_ += count;
    if (has_rights(result)) *out_++ = item.type.msgt_name;
  }

  void read_array(const Item& item) {
    std::memcpy(&array_->address, buffer_.bytes + item.content, sizeof array_->address);
    array_->count = item.type.msgt_number;
    ++array_;
  }

  const Buffer& buffer_;
  std::uint64_t at_ = sizeof(mig_reply_header_t);
  std::uint32_t* out_;
  TaskAnswer::Array* array_;
};

}  // namespace

Argument name_item(mach_port_name_t name) {
  return {inline_item(MACH_MSG_TYPE_PORT_NAME, 32), name};
}
Argument number_item(std::uint32_t number) {
  return {inline_item(MACH_MSG_TYPE_INTEGER_32, 32), number};
}
Argument long_item(std::uint64_t number) {
  return {inline_item(MACH_MSG_TYPE_INTEGER_64, 64), number};
}
Argument right_item(mach_port_t name, mach_msg_type_name_t disposition) {
  return {inline_item(disposition, 64), name};
}
Argument rights_item(const mach_port_t* rights, mach_msg_type_number_t count,
                     mach_msg_type_name_t disposition) {
  return {array_item(disposition, count), reinterpret_cast<std::uintptr_t>(rights)};
}

TaskAnswer message_call(mach_port_t port, mach_msg_id_t id, Arguments arguments, Results results) {
  const ErrnoGuard errno_guard;
  TaskAnswer answer{};
  if (!Task::current().attach()) {
    answer.code = kern_code(Task::current().gone() ? Reach::kGone : Reach::kNoDaemon);
    return answer;
  }
  Buffer buffer{};
  const mach_msg_size_t size = write_request(&buffer, id, arguments);
  answer.code = exchange(port, &buffer.head, size, sizeof buffer);
  if (answer.code != KERN_SUCCESS) return answer;
  answer.code = check_reply(&buffer.reply, form_of(id, results));
  if (answer.code != KERN_SUCCESS) return answer;
  ReplyReader reader(buffer, &answer);
  for (const Result result : results) {
    if (!reader.read(result)) answer.code = refuse(&buffer.head, MIG_TYPE_ERROR);
    if (answer.code != KERN_SUCCESS) break;
  }
  return answer;
}

// Where the task's own port has another name now, the name it had is somebody else's port or nobody's.
TaskAnswer task_call(mach_port_t task, local::Call call, Arguments arguments, Results results) {
  if (task == local::kTaskSelfName) {
    const TaskAnswer answer = short_call(task, call, arguments);
    if (answer.code != MACH_SEND_INVALID_DEST) return answer;
  }
  return message_call(task, static_cast<mach_msg_id_t>(call), arguments, results);
}

}  // namespace netmsg::client
