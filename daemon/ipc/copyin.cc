// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/copyin.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc {

namespace {

using Refused = mach_msg_return_t;

RightPlan plan_destination(Space& space, Name name, Disposition disposition) {
  return {name, destination_rule(disposition, space.state_of(name)), received_type(disposition)};
}

// The type fields of the header (02 §3, 04 §2 steps 1 and 2).
bool well_formed(const HeaderFields& fields) {
  const mach_msg_type_name_t reply_type = MACH_MSGH_BITS_LOCAL(fields.bits);
  if (!is_header_disposition(MACH_MSGH_BITS_REMOTE(fields.bits))) return false;
  return reply_type == 0 ? fields.local == kNullName : is_header_disposition(reply_type);
}

Disposition destination_disposition(const HeaderFields& fields) {
  return static_cast<Disposition>(MACH_MSGH_BITS_REMOTE(fields.bits));
}

// REQUIRES: a reply type was given.
Disposition reply_disposition(const HeaderFields& fields) {
  return static_cast<Disposition>(MACH_MSGH_BITS_LOCAL(fields.bits));
}

// 04 §2 step 5 and §3.
std::variant<Refused, HeaderPlan> plan_same_name(Space& space, const HeaderFields& fields) {
  const Entry* entry = space.find(fields.remote);
  if (entry == nullptr) return MACH_SEND_INVALID_DEST;
  const Disposition destination = destination_disposition(fields);
  const Disposition reply = reply_disposition(fields);
  switch (same_name_rule(destination, reply, entry->state(), entry->urefs)) {
    case SameName::kRefuseDestination:
      return MACH_SEND_INVALID_DEST;
    case SameName::kRefuseReply:
      return MACH_SEND_INVALID_REPLY;
    case SameName::kOk:
      break;
  }
  return HeaderPlan{plan_destination(space, fields.remote, destination),
                    plan_right(space, fields.local, reply)};
}

// 04 §2 step 6.
std::variant<Refused, HeaderPlan> plan_without_reply(Space& space, const HeaderFields& fields) {
  HeaderPlan plan;
  plan.destination = plan_destination(space, fields.remote, destination_disposition(fields));
  if (plan.destination.take == Take::kRefuse) return MACH_SEND_INVALID_DEST;
  if (MACH_MSGH_BITS_LOCAL(fields.bits) == 0) {
    plan.reply.take = Take::kCarryNull;
  } else {
    plan.reply = plan_right(space, fields.local, reply_disposition(fields));
  }
  return plan;
}

// 04 §2 step 7.
std::variant<Refused, HeaderPlan> plan_two_names(Space& space, const HeaderFields& fields) {
  if (space.find(fields.remote) == nullptr) return MACH_SEND_INVALID_DEST;
  HeaderPlan plan;
  plan.reply = plan_right(space, fields.local, reply_disposition(fields));
  if (plan.reply.take == Take::kRefuse) return MACH_SEND_INVALID_REPLY;
  plan.destination = plan_destination(space, fields.remote, destination_disposition(fields));
  if (plan.destination.take == Take::kRefuse) return MACH_SEND_INVALID_DEST;
  return plan;
}

std::variant<Refused, HeaderPlan> plan_ports(Space& space, const HeaderFields& fields) {
  // A header without a reply type has no second name to compare with.
  const bool has_reply = MACH_MSGH_BITS_LOCAL(fields.bits) != 0;
  if (has_reply && fields.remote == fields.local) return plan_same_name(space, fields);
  if (!is_valid_name(fields.local)) return plan_without_reply(space, fields);
  return plan_two_names(space, fields);
}

// Can the message follow its destination to that host, and the reply right with it?
bool can_travel(Space& space, const HeaderPlan& plan, std::uint64_t size) {
  const Port& destination = *space.find(plan.destination.name)->port();
  if (!destination.remote()) return true;
  const RemoteLink& link = space.core().link();
  if (size > link.carry_limits(destination).bytes) return false;
  const Entry* reply = is_valid_name(plan.reply.name) ? space.find(plan.reply.name) : nullptr;
  if (reply == nullptr || reply->port() == nullptr) return true;
  return link.can_carry(destination, *reply->port(), plan.reply.type, 0);
}

TakenRight take_move_receive(Space& space, Name name) {
  Entry& entry = *space.find(name);
  if (entry.send) return {CarriedRight(space.split_receive(name, entry)), nullptr};
  Entry removed = space.remove(name);
  return {CarriedRight(std::move(removed.receive)), std::move(removed.request)};
}

TakenRight take_move_send(Space& space, Name name) {
  Entry& entry = *space.find(name);
  if (entry.urefs > 1) {
    --entry.urefs;
    return {CarriedRight(entry.send.duplicate()), nullptr};
  }
  if (entry.receive) return {CarriedRight(space.split_send(entry)), nullptr};
  Entry removed = space.remove(name);
  return {CarriedRight(std::move(removed.send)), std::move(removed.request)};
}

TakenRight take_move_send_once(Space& space, Name name) {
  Entry removed = space.remove(name);
  return {CarriedRight(std::move(removed.once)), std::move(removed.request)};
}

TakenRight take_make_send(Space& space, Name name) {
  Port& port = *space.find(name)->receive.port();
  ++port.mscount;
  return {CarriedRight(SendRight::mint(port)), nullptr};
}

TakenRight take_dropped_dead(Space& space, const RightPlan& plan) {
  Entry& entry = *space.find(plan.name);
  if (--entry.urefs == 0) space.remove(plan.name);
  return {CarriedRight::dead(plan.type), nullptr};
}

}  // namespace

RightPlan plan_right(Space& space, Name name, Disposition disposition) {
  const RightType type = received_type(disposition);
  if (name == kNullName) return {name, Take::kCarryNull, type};
  if (name == kDeadName) return {name, Take::kCarryDead, type};
  return {name, copyin_rule(disposition, space.state_of(name)), type};
}

TakenRight commit_right(Space& space, const RightPlan& plan) {
  switch (plan.take) {
    case Take::kMoveReceive:
      return take_move_receive(space, plan.name);
    case Take::kMoveSend:
      return take_move_send(space, plan.name);
    case Take::kMoveSendOnce:
      return take_move_send_once(space, plan.name);
    case Take::kCopySend:
      return {CarriedRight(space.find(plan.name)->send.duplicate()), nullptr};
    case Take::kMakeSend:
      return take_make_send(space, plan.name);
    case Take::kMakeSendOnce:
      return {CarriedRight(SendOnceRight::mint(*space.find(plan.name)->receive.port())), nullptr};
    case Take::kDropDead:
      return take_dropped_dead(space, plan);
    case Take::kKeepDead:
    case Take::kCarryDead:
      return {CarriedRight::dead(plan.type), nullptr};
    case Take::kCarryNull:
      return {CarriedRight::null(plan.type), nullptr};
    case Take::kRefuse:
      break;
  }
  base::check_failed(__FILE__, __LINE__, "a refused plan is never committed");
}

std::variant<mach_msg_return_t, HeaderPlan> plan_header(Space& space, const HeaderFields& fields,
                                                        const Name* cancel) {
  if (!well_formed(fields)) return MACH_SEND_INVALID_HEADER;
  if (cancel != nullptr && space.find_receive(*cancel) == nullptr) return MACH_SEND_INVALID_NOTIFY;
  std::variant<Refused, HeaderPlan> plan = plan_ports(space, fields);
  const HeaderPlan* accepted = std::get_if<HeaderPlan>(&plan);
  if (accepted != nullptr && !can_travel(space, *accepted, fields.size)) return MACH_SEND_NO_BUFFER;
  return plan;
}

void commit_header(Space& space, const HeaderPlan& plan, const Name* cancel, Message& message) {
  const Port* cancel_port = cancel != nullptr ? space.find_receive(*cancel)->receive.port() : nullptr;
  // When one name serves both, what is copied or made is taken before what is moved; and a name that both
  // moves free counts as freed by the destination (04 §3).
  const bool reply_first = plan.destination.take == Take::kMoveSend;
  TakenRight reply = reply_first ? commit_right(space, plan.reply) : TakenRight();
  TakenRight destination = commit_right(space, plan.destination);
  if (!reply_first) reply = commit_right(space, plan.reply);

  message.destination = std::move(destination.right);
  message.reply = std::move(reply.right);
  auto& freed = destination.freed_request;
  if (freed && cancel_port != nullptr && freed->notify.port() == cancel_port) {
    freed->notify.consume();
    freed.reset();
  }
  notify::port_deleted(std::move(freed));
  notify::port_deleted(std::move(reply.freed_request));
}

}  // namespace netmsg::ipc
