// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/far_call.h"

#include <mach/mig_errors.h>
#include <mach/notify.h>

#include <cstring>

#include "daemon/base/check.h"
#include "tests/support/task_request.h"

namespace netmsg::conformance {

namespace {

constexpr mach_msg_id_t kInsertRight = 3215;
constexpr mach_msg_id_t kExtractRight = 3216;
constexpr mach_msg_size_t kReplyMax = 1024;
// Of a reply with a right.
constexpr std::size_t kRightOffset = sizeof(mig_reply_header_t);

test::Request request_of(const PortCall& call) {
  switch (call.verb) {
    case Verb::kInsert:
      return {kInsertRight, {test::name_item(call.name), test::right_item(call.poly_type, call.poly)}};
    case Verb::kExtract:
      return {kExtractRight, {test::name_item(call.name), test::number_item(call.poly_type)}};
    default:
      base::check_failed(__FILE__, __LINE__, "not a call on another task");
  }
}

template <typename T>
T load(const Bytes& bytes, std::size_t offset) {
  T value{};
  NETMSG_CHECK(offset + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

ipc::MsgArgs far_request(const PortCall& call, Name task, Name reply) {
  return {.option = MACH_SEND_MSG | MACH_RCV_MSG,
          .rcv_size = kReplyMax,
          .rcv_name = reply,
          .message = request_of(call).encode(task, reply)};
}

PortAnswer far_answer(const ipc::MsgResult& result) {
  if (result.code != MACH_MSG_SUCCESS) return {.code = result.code};
  if (test::header_of(result.bytes).msgh_id == MACH_NOTIFY_SEND_ONCE) return {.code = MIG_SERVER_DIED};
  PortAnswer answer{.code = load<kern_return_t>(result.bytes, offsetof(mig_reply_header_t, RetCode))};
  if (answer.code != KERN_SUCCESS || result.bytes.size() <= kRightOffset) return answer;
  answer.type = load<mach_msg_type_t>(result.bytes, kRightOffset).msgt_name;
  answer.name = load<Name>(result.bytes, kRightOffset + sizeof(mach_msg_type_t));
  return answer;
}

}  // namespace netmsg::conformance
