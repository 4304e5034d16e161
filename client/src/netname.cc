// SPDX-License-Identifier: Apache-2.0
// The name service's client side, in the message form of spec 08 §3. Contracts: <servers/netname.h>.
#include <mach.h>
#include <servers/netname.h>
#include <time.h>

#include <cstring>
#include <utility>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/mach_calls.h"
#include "client/src/task.h"

namespace netmsg::client {
namespace {

constexpr mach_msg_id_t kCheckIn = 1040;
constexpr mach_msg_id_t kLookUp = 1041;
constexpr mach_msg_id_t kCheckOut = 1042;
constexpr mach_msg_id_t kVersion = 1043;
constexpr mach_msg_id_t kReplyOffset = 100;

struct NameItem {
  mach_msg_type_t type;
  netname_name_t name;
};
struct PortItem {
  mach_msg_type_t type;
  mach_port_name_inlined_t port;
};
struct CheckInRequest {
  mach_msg_header_t head;
  NameItem port_name;
  PortItem signature;
  PortItem port_id;
};
struct LookUpRequest {
  mach_msg_header_t head;
  NameItem host_name;
  NameItem port_name;
};
struct CheckOutRequest {
  mach_msg_header_t head;
  NameItem port_name;
  PortItem signature;
};
struct VersionRequest {
  mach_msg_header_t head;
};
struct CodeReply {
  mach_msg_header_t head;
  mach_msg_type_t type;
  kern_return_t code;
  std::uint32_t padding;
};
struct LookUpReply {
  CodeReply result;
  PortItem port_id;
};
struct VersionReply {
  CodeReply result;
  NameItem version;
};
static_assert(sizeof(CheckInRequest) == 152 && sizeof(LookUpRequest) == 208 &&
              sizeof(CheckOutRequest) == 136);
static_assert(sizeof(CodeReply) == 48 && sizeof(LookUpReply) == 64 && sizeof(VersionReply) == 136);

constexpr mach_msg_type_t inline_item(unsigned name, unsigned bits, bool longform) {
  mach_msg_type_t type{};
  type.msgt_name = name & 0xFFU;
  type.msgt_size = bits & 0xFFFFU;
  type.msgt_inline = 1;
  type.msgt_longform = longform ? 1 : 0;
  type.msgt_number = 1;
  return type;
}

constexpr mach_msg_type_t kNameType = inline_item(MACH_MSG_TYPE_STRING, 640, true);
constexpr mach_msg_type_t kCodeType = inline_item(MACH_MSG_TYPE_INTEGER_32, 32, false);

bool same_type(const mach_msg_type_t& a, const mach_msg_type_t& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// Cut at 79 characters (08 §4.1); the rest of the field is zero.
void fill_name(NameItem* item, const char* name) {
  item->type = kNameType;
  std::memcpy(item->name, name, strnlen(name, sizeof item->name - 1));
}

void fill_port(PortItem* item, mach_port_t port, mach_msg_type_name_t disposition) {
  item->type = inline_item(disposition, 64, false);
  item->port.name = port;
}

void forget_reply_port(ThreadState& thread) {
  const mach_port_t port = std::exchange(thread.reply_port, MACH_PORT_NULL);
  if (port != MACH_PORT_NULL) drop_receive_right(port);
}

// A reply that is not the one expected: gives up what it brought.
kern_return_t refuse(mach_msg_header_t* reply, kern_return_t code) {
  mach_msg_destroy(reply);
  return code;
}

// Everything of a reply but the items after the code. KERN_SUCCESS: it is a success reply of `size` bytes.
kern_return_t check_reply(CodeReply* reply, mach_msg_id_t id, mach_msg_size_t size, bool complex) {
  if (reply->head.msgh_id == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
  if (reply->head.msgh_id != id + kReplyOffset) return refuse(&reply->head, MIG_REPLY_MISMATCH);
  const bool is_complex = (reply->head.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  if (reply->head.msgh_size < sizeof *reply || !same_type(reply->type, kCodeType))
    return refuse(&reply->head, MIG_TYPE_ERROR);
  if (reply->code != KERN_SUCCESS)
    return reply->head.msgh_size == sizeof *reply && !is_complex ? reply->code
                                                                 : refuse(&reply->head, MIG_TYPE_ERROR);
  return reply->head.msgh_size == size && is_complex == complex ? KERN_SUCCESS
                                                                : refuse(&reply->head, MIG_TYPE_ERROR);
}

// Request and reply share one buffer, as mach_msg wants it.
template <typename Request, typename Reply>
union Exchange {
  Request request;
  Reply reply;
};

// One RPC on the thread's reply port (08 §3). `simple_request` and `simple_reply` say which carries no
// rights. The code is that of the server, or says why there is none.
template <typename Request, typename Reply>
kern_return_t call(mach_port_t server, mach_msg_id_t id, Exchange<Request, Reply>* exchange,
                   bool complex_request, bool complex_reply) {
  ThreadState& thread = Task::current().this_thread();
  if (thread.reply_port == MACH_PORT_NULL) thread.reply_port = mach_reply_port();
  mach_msg_header_t& head = exchange->request.head;
  const mach_msg_bits_t kind = complex_request ? MACH_MSGH_BITS_COMPLEX : MACH_MSGH_BITS_ZERO;
  head.msgh_bits = kind | MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  head.msgh_remote_port = server;
  head.msgh_local_port = thread.reply_port;
  head.msgh_id = id;
  const mach_msg_return_t code =
      mach_msg(&head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof(Request), sizeof *exchange, thread.reply_port,
               MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  // A late reply must not be taken for the next call's.
  if (code != MACH_MSG_SUCCESS) return forget_reply_port(thread), code;
  auto* reply = reinterpret_cast<CodeReply*>(exchange);
  const kern_return_t result = check_reply(reply, id, sizeof(Reply), complex_reply);
  if (result == MIG_REPLY_MISMATCH) forget_reply_port(thread);
  return result;
}

// The constant answer of a host whose name service is up.
bool server_answers() {
  mach_port_t port = MACH_PORT_NULL;
  if (netname_look_up(name_server_port, "", "NM_ACTIVE", &port) != NETNAME_SUCCESS) return false;
  mach_port_deallocate(mach_task_self(), port);
  return true;
}

constexpr timespec kPollInterval{0, 100'000'000};

}  // namespace
}  // namespace netmsg::client

using namespace netmsg::client;

extern "C" {

NETMSG_EXPORT kern_return_t netname_check_in(mach_port_t server_port, const_netname_name_t port_name,
                                             mach_port_t signature, mach_port_t port_id) {
  Exchange<CheckInRequest, CodeReply> exchange{};
  fill_name(&exchange.request.port_name, port_name);
  fill_port(&exchange.request.signature, signature, MACH_MSG_TYPE_COPY_SEND);
  fill_port(&exchange.request.port_id, port_id, MACH_MSG_TYPE_MAKE_SEND);
  return call(server_port, kCheckIn, &exchange, true, false);
}

NETMSG_EXPORT kern_return_t netname_look_up(mach_port_t server_port, const_netname_name_t host_name,
                                            const_netname_name_t port_name, mach_port_t* port_id) {
  Exchange<LookUpRequest, LookUpReply> exchange{};
  fill_name(&exchange.request.host_name, host_name);
  fill_name(&exchange.request.port_name, port_name);
  *port_id = MACH_PORT_NULL;
  const kern_return_t code = call(server_port, kLookUp, &exchange, false, true);
  if (code != KERN_SUCCESS) return code;
  const PortItem& item = exchange.reply.port_id;
  if (!same_type(item.type, inline_item(MACH_MSG_TYPE_PORT_SEND, 64, false)))
    return refuse(&exchange.reply.result.head, MIG_TYPE_ERROR);
  *port_id = item.port.name;
  return NETNAME_SUCCESS;
}

NETMSG_EXPORT kern_return_t netname_check_out(mach_port_t server_port, const_netname_name_t port_name,
                                              mach_port_t signature) {
  Exchange<CheckOutRequest, CodeReply> exchange{};
  fill_name(&exchange.request.port_name, port_name);
  fill_port(&exchange.request.signature, signature, MACH_MSG_TYPE_COPY_SEND);
  return call(server_port, kCheckOut, &exchange, true, false);
}

NETMSG_EXPORT kern_return_t netname_version(mach_port_t server_port, netname_name_t version) {
  Exchange<VersionRequest, VersionReply> exchange{};
  const kern_return_t code = call(server_port, kVersion, &exchange, false, false);
  if (code != KERN_SUCCESS) return code;
  const NameItem& item = exchange.reply.version;
  if (!same_type(item.type, kNameType)) return refuse(&exchange.reply.result.head, MIG_TYPE_ERROR);
  std::memcpy(version, item.name, sizeof item.name);
  version[sizeof item.name - 1] = '\0';
  return NETNAME_SUCCESS;
}

NETMSG_EXPORT void netname_wait_for_server(void) {
  const ErrnoGuard errno_guard;
  while (!Task::current().gone() && !(Task::current().attach() && server_answers()))
    nanosleep(&kPollInterval, nullptr);
}

}  // extern "C"
