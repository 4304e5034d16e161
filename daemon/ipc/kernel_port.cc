// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/kernel_port.h"

#include <mach/mig_errors.h>

#include <cstring>

#include "daemon/ipc/core.h"
#include "daemon/ipc/queue.h"

namespace netmsg::ipc::kernel_port {

namespace {

constexpr std::uint32_t kReplyIdOffset = 100;

// The 48 bytes of every failing reply: header, one INTEGER_32, the code.
Bytes error_reply(kern_return_t code) {
  mig_reply_header_t reply{};
  reply.RetCodeType.msgt_name = MACH_MSG_TYPE_INTEGER_32;
  reply.RetCodeType.msgt_size = 32;
  reply.RetCodeType.msgt_inline = 1;
  reply.RetCodeType.msgt_number = 1;
  reply.RetCode = code;
  Bytes bytes(sizeof reply);
  std::memcpy(bytes.data(), &reply, sizeof reply);
  return bytes;
}

}  // namespace

void serve(MessagePtr request) {
  if (request->reply.port() == nullptr || request->reply.is_dead()) return;
  MessageReaper& reaper = request->reply.port()->core().reaper;
  MessagePtr reply = Message::create(reaper, error_reply(MIG_BAD_ID), request->take_charge());
  reply->id = static_cast<mach_msg_id_t>(static_cast<std::uint32_t>(request->id) + kReplyIdOffset);
  reply->destination = std::move(request->reply);
  request.reset();  // what it carried is destroyed before the answer can be seen
  post(std::move(reply));
}

}  // namespace netmsg::ipc::kernel_port
