// SPDX-License-Identifier: Apache-2.0
#include "daemon/names/name_server.h"

#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <servers/netname_defs.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/mach_port.h"

namespace netmsg::names {

using ipc::Bytes;
using ipc::Name;
namespace mach_port = ipc::mach_port;

namespace {

constexpr const char* kOwnNames[] = {"NameServer", "NM_ACTIVE", "NMMonitor", "NMControl"};  // 08 §4.11

// As many look-ups by system resolver at one time; more are answered with KERN_RESOURCE_SHORTAGE.
constexpr std::size_t kResolvingMax = 256;

// A message was taken from the queue, whole or as a header.
bool took_message(mach_msg_return_t code) {
  const mach_msg_return_t plain = code & ~MACH_MSG_MASK;
  return plain == MACH_MSG_SUCCESS || plain == MACH_RCV_BODY_ERROR || plain == MACH_RCV_HEADER_ERROR;
}

}  // namespace

// The whole interface (08 §3).
struct NameServer::Routine {
  mach_msg_id_t id;
  std::uint32_t size;
  bool complex;
  bool network;  // also for other hosts
  bool (NameServer::*serve)(const Request& request);
};
const NameServer::Routine NameServer::kRoutines[] = {
    {kCheckInId, kCheckInSize, true, false, &NameServer::check_in},
    {kLookUpId, kLookUpSize, false, true, &NameServer::look_up},
    {kCheckOutId, kCheckOutSize, true, false, &NameServer::check_out},
    {kVersionId, kVersionSize, false, true, &NameServer::version},
};

NameServer::NameServer(ipc::Engine& engine, ipc::Account& account, Options options, Resolver* resolver)
    : options_(std::move(options)),
      resolver_(resolver),
      task_(engine, "name service", account),
      local_(make_port()),
      network_(make_port()),
      notify_(make_port()),
      registry_(task_, notify_),
      remote_(task_, options_.peers.size(), options_.look_up_limit),
      hosts_(options_.own_hosts, options_.peers) {
  for (const char* name : kOwnNames) check_in_itself(name);
  serve(local_);
  serve(network_);
  watch_deaths();
}

// With the largest queue: every program of the host sends here.
Name NameServer::make_port() {
  const auto name = mach_port::allocate(task_.space(), MACH_PORT_RIGHT_RECEIVE);
  NETMSG_CHECK(name.ok());
  mach_port::set_qlimit(task_.space(), name.value(), MACH_PORT_QLIMIT_MAX);
  return name.value();
}

void NameServer::check_in_itself(const char* name) {
  ipc::Space& space = task_.space();
  mach_port::insert_right(space, space, local_, local_, MACH_MSG_TYPE_MAKE_SEND);
  mach_port::mod_refs(space, ipc::kTaskSelfName, MACH_PORT_RIGHT_SEND, 1);
  NETMSG_CHECK(registry_.check_in(name, ipc::kTaskSelfName, local_) == KERN_SUCCESS);
}

ipc::SendRight NameServer::local_port() {
  auto right = task_.engine().copy_send(task_.space(), local_);
  return std::move(right.value());
}

ipc::SendRight NameServer::network_port() {
  auto right = task_.engine().copy_send(task_.space(), network_);
  return std::move(right.value());
}

void NameServer::peer_up(const std::string& peer, const std::string& display_name,
                         ipc::SendRight name_service) {
  const auto known = hosts_.peer(peer);
  if (!known) return;
  hosts_.set_display_name(*known, display_name);
  remote_.peer_up(*known, std::move(name_service));
}

void NameServer::peer_down(const std::string& peer) {
  if (const auto known = hosts_.peer(peer)) remote_.peer_down(*known);
}

void NameServer::peer_unreachable(const std::string& peer) {
  if (const auto known = hosts_.peer(peer)) remote_.peer_unreachable(*known);
}

// --- what comes in ---

// Nobody else holds these receive rights, so a receive can fail only with the message that it took.
void NameServer::serve(Name port) {
  task_.receive(port, std::nullopt, [this, port](mach_msg_return_t code, const Bytes& message) {
    NETMSG_CHECK(took_message(code));
    const Request request{reply_to(message), message, port == network_};
    if (code == MACH_MSG_SUCCESS) {
      handle(request);
    } else if ((code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) {
      refuse(request, KERN_RESOURCE_SHORTAGE);
    }
    serve(port);
  });
}

void NameServer::handle(const Request& request) {
  const auto* const routine =
      std::find_if(std::begin(kRoutines), std::end(kRoutines), [&request](const Routine& each) {
        return each.id == request.reply.id && (each.network || !request.from_network);
      });
  if (routine == std::end(kRoutines)) return refuse(request, MIG_BAD_ID);
  const bool shaped =
      request.message.size() == routine->size && is_complex(request.message) == routine->complex;
  if (!shaped || !(this->*routine->serve)(request)) refuse(request, MIG_BAD_ARGUMENTS);
}

void NameServer::refuse(const Request& request, kern_return_t code) {
  task_.release_body(request.message);
  answer_code(request.reply, code);
}

void NameServer::watch_deaths() {
  task_.receive(notify_, std::nullopt, [this](mach_msg_return_t code, const Bytes& message) {
    NETMSG_CHECK(took_message(code));
    notified(message);
    watch_deaths();
  });
}

// Others that come: port-deleted and send-once, when a name
// was given up or a request replaced. They change nothing.
void NameServer::notified(const Bytes& message) {
  if (message.size() != sizeof(mach_dead_name_notification_t)) return;
  mach_dead_name_notification_t notification;
  std::memcpy(&notification, message.data(), sizeof(notification));
  if (notification.not_header.msgh_id == MACH_NOTIFY_DEAD_NAME) registry_.died(notification.not_port);
}

// --- the routines ---

bool NameServer::check_in(const Request& request) {
  const auto wanted = decode_check_in(request.message);
  if (wanted) answer_code(request.reply, registry_.check_in(wanted->name, wanted->signature, wanted->port));
  return wanted.has_value();
}

bool NameServer::check_out(const Request& request) {
  const auto wanted = decode_check_out(request.message);
  if (wanted) answer_code(request.reply, registry_.check_out(wanted->name, wanted->signature));
  return wanted.has_value();
}

bool NameServer::version(const Request& request) {
  answer(request.reply, version_reply(request.reply, options_.version));
  return true;
}

bool NameServer::look_up(const Request& request) {
  const auto wanted = decode_look_up(request.message);
  if (!wanted) return false;
  const Hosts::Meant where = hosts_.find(wanted->host);
  if (where.kind == Hosts::Kind::kHere) {
    look_up_here(request.reply, wanted->name, request.from_network);
  } else if (request.from_network || (options_.peers.empty() && where.kind != Hosts::Kind::kEverybody)) {
    answer_code(request.reply, NETNAME_NOT_CHECKED_IN);
  } else if (where.kind == Hosts::Kind::kUnknown) {
    resolve(request.reply, *wanted);
  } else {
    look_up_at(request.reply, where, wanted->name);
  }
  return true;
}

// For other hosts this server is its network port.
void NameServer::look_up_here(const ReplyTo& reply, const std::string& name, bool from_network) {
  Name port = registry_.look_up(name);
  if (port == ipc::kNullName) return answer_code(reply, NETNAME_NOT_CHECKED_IN);
  const bool itself = from_network && port == local_;
  answer(reply, look_up_reply(reply, itself ? network_ : port,
                              itself ? MACH_MSG_TYPE_MAKE_SEND : MACH_MSG_TYPE_COPY_SEND));
}

// `where` is another host, or everybody: then the local table comes first (08 §6).
void NameServer::look_up_at(const ReplyTo& reply, const Hosts::Meant& where, const std::string& name) {
  const auto done = [this, reply](kern_return_t code, Name port) { answer_port(reply, code, port); };
  if (where.kind == Hosts::Kind::kPeer) return remote_.ask(where.peer, name, done);
  if (options_.peers.empty() || registry_.look_up(name) != ipc::kNullName)
    return look_up_here(reply, name, false);
  remote_.ask_all(name, done);
}

void NameServer::resolve(const ReplyTo& reply, const LookUp& wanted) {
  const std::string host = canonical_host(wanted.host);
  if (resolver_ == nullptr || host.empty()) return answer_code(reply, NETNAME_NO_SUCH_HOST);
  if (resolving_ >= kResolvingMax) return answer_code(reply, KERN_RESOURCE_SHORTAGE);
  ++resolving_;
  resolver_->resolve(host, [this, reply, name = wanted.name](const std::vector<std::string>& addresses) {
    --resolving_;
    const Hosts::Meant where = hosts_.find_any(addresses);
    if (where.kind == Hosts::Kind::kUnknown) return answer_code(reply, NETNAME_NO_SUCH_HOST);
    if (where.kind == Hosts::Kind::kHere) return look_up_here(reply, name, false);
    look_up_at(reply, where, name);
  });
}

// --- answers ---

void NameServer::answer(const ReplyTo& to, Bytes message) {
  if (to.type != 0) task_.send(std::move(message), std::chrono::milliseconds(0));
}

void NameServer::answer_code(const ReplyTo& to, kern_return_t code) {
  answer(to, code_reply(to, code));
}

void NameServer::answer_port(const ReplyTo& to, kern_return_t code, Name port) {
  if (code != KERN_SUCCESS) return answer_code(to, code);
  if (to.type == 0) return task_.release(port, MACH_MSG_TYPE_PORT_SEND);
  answer(to, look_up_reply(to, port, MACH_MSG_TYPE_MOVE_SEND));
}

}  // namespace netmsg::names
