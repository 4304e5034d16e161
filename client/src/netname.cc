// SPDX-License-Identifier: Apache-2.0
// The name service's client side, in the message form of spec 08 §3. Contracts: <servers/netname.h>.
#include <mach.h>
#include <servers/netname.h>
#include <time.h>

#include <cstring>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/rpc.h"
#include "client/src/task.h"

namespace netmsg::client {
namespace {

constexpr mach_msg_id_t kCheckIn = 1040;
constexpr mach_msg_id_t kLookUp = 1041;
constexpr mach_msg_id_t kCheckOut = 1042;
constexpr mach_msg_id_t kVersion = 1043;

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
using CodeReply = mig_reply_header_t;
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
static_assert(sizeof(LookUpReply) == 64 && sizeof(VersionReply) == 136);

// 640 bits: the long form.
constexpr mach_msg_type_t name_type() {
  mach_msg_type_t type = inline_item(MACH_MSG_TYPE_STRING, 640);
  type.msgt_longform = 1;
  return type;
}

constexpr mach_msg_type_t kNameType = name_type();

// Cut at 79 characters (08 §4.1); the rest of the field is zero.
void fill_name(NameItem* item, const char* name) {
  item->type = kNameType;
  std::memcpy(item->name, name, strnlen(name, sizeof item->name - 1));
}

void fill_port(PortItem* item, mach_port_t port, mach_msg_type_name_t disposition) {
  item->type = inline_item(disposition, 64);
  item->port.name = port;
}

// Request and reply share one buffer, as mach_msg wants it.
template <typename Request, typename Reply>
union Exchange {
  Request request;
  Reply reply;
};

// One RPC (08 §3). `complex_request` and `complex_reply` say which carries rights. The code is that of the
// server, or says why there is none.
template <typename Request, typename Reply>
kern_return_t call(mach_port_t server, mach_msg_id_t id, Exchange<Request, Reply>* buffer,
                   bool complex_request, bool complex_reply) {
  mach_msg_header_t& head = buffer->request.head;
  head.msgh_bits = complex_request ? MACH_MSGH_BITS_COMPLEX : MACH_MSGH_BITS_ZERO;
  head.msgh_id = id;
  const kern_return_t code = exchange(server, &head, sizeof(Request), sizeof *buffer);
  if (code != KERN_SUCCESS) return code;
  return check_reply(reinterpret_cast<mig_reply_header_t*>(buffer), {id, sizeof(Reply), complex_reply});
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
  Exchange<CheckInRequest, CodeReply> buffer{};
  fill_name(&buffer.request.port_name, port_name);
  fill_port(&buffer.request.signature, signature, MACH_MSG_TYPE_COPY_SEND);
  fill_port(&buffer.request.port_id, port_id, MACH_MSG_TYPE_MAKE_SEND);
  return call(server_port, kCheckIn, &buffer, true, false);
}

NETMSG_EXPORT kern_return_t netname_look_up(mach_port_t server_port, const_netname_name_t host_name,
                                            const_netname_name_t port_name, mach_port_t* port_id) {
  Exchange<LookUpRequest, LookUpReply> buffer{};
  fill_name(&buffer.request.host_name, host_name);
  fill_name(&buffer.request.port_name, port_name);
  *port_id = MACH_PORT_NULL;
  const kern_return_t code = call(server_port, kLookUp, &buffer, false, true);
  if (code != KERN_SUCCESS) return code;
  const PortItem& item = buffer.reply.port_id;
  if (!same_type(item.type, inline_item(MACH_MSG_TYPE_PORT_SEND, 64)))
    return refuse(&buffer.reply.result.Head, MIG_TYPE_ERROR);
  *port_id = item.port.name;
  return NETNAME_SUCCESS;
}

NETMSG_EXPORT kern_return_t netname_check_out(mach_port_t server_port, const_netname_name_t port_name,
                                              mach_port_t signature) {
  Exchange<CheckOutRequest, CodeReply> buffer{};
  fill_name(&buffer.request.port_name, port_name);
  fill_port(&buffer.request.signature, signature, MACH_MSG_TYPE_COPY_SEND);
  return call(server_port, kCheckOut, &buffer, true, false);
}

NETMSG_EXPORT kern_return_t netname_version(mach_port_t server_port, netname_name_t version) {
  Exchange<VersionRequest, VersionReply> buffer{};
  const kern_return_t code = call(server_port, kVersion, &buffer, false, false);
  if (code != KERN_SUCCESS) return code;
  const NameItem& item = buffer.reply.version;
  if (!same_type(item.type, kNameType)) return refuse(&buffer.reply.result.Head, MIG_TYPE_ERROR);
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
