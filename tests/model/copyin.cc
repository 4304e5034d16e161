// SPDX-License-Identifier: Apache-2.0
// Rights and bodies into messages (spec 02 §8, 04 §§1-4).
#include <mach/notify.h>

#include <cstring>
#include <utility>

#include "tests/model/model.h"
#include "tests/support/copyin_table.h"
#include "tests/support/same_name_table.h"

namespace netmsg::model {

namespace {

constexpr Disposition kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE;
constexpr Disposition kMoveSend = MACH_MSG_TYPE_MOVE_SEND;
constexpr Disposition kMoveSendOnce = MACH_MSG_TYPE_MOVE_SEND_ONCE;
constexpr Disposition kCopySend = MACH_MSG_TYPE_COPY_SEND;
constexpr Disposition kMakeSend = MACH_MSG_TYPE_MAKE_SEND;
constexpr Disposition kMakeSendOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE;

constexpr Address kPageSize = 4096;

bool is_port_type(Disposition type) {
  return type >= kMoveReceive && type <= kMakeSendOnce;
}

// What the tables call an entry: with more references than they show, the last column of its kind.
std::string column_of(What what, unsigned urefs) {
  switch (what) {
    case What::kFree:
      return "free";
    case What::kReceive:
      return "R";
    case What::kReceiveSend:
      return urefs == 1 ? "R+S1" : "R+S2";
    case What::kSend:
      return urefs == 1 ? "S1" : "S2";
    case What::kSendOnce:
      return "SO";
    case What::kDeadName:
      return urefs == 1 ? "DN1" : "DN2";
    case What::kPortSet:
      break;
  }
  return "PS";
}

unsigned send_urefs(const std::string& column) {
  return column == "free" || column == "R" ? 0 : static_cast<unsigned>(column.back() - '0');
}

const test::SameNameCell& same_name_cell(Disposition destination, Disposition reply,
                                         const std::string& column) {
  static const std::vector<test::SameNameCell> table = test::same_name_table();
  for (const test::SameNameCell& cell : table) {
    if (cell.destination == destination && cell.reply == reply && cell.before == column) return cell;
  }
  return table.front();  // never: the table is complete
}

std::uint64_t length_of(const mach_msg_type_t& type) {
  return (std::uint64_t{type.msgt_number} * type.msgt_size + 7) / 8;
}

// 02 §6.
mach_msg_type_t as_received(mach_msg_type_t type) {
  if (is_port_type(type.msgt_name)) type.msgt_name = test::received_type(type.msgt_name) & 0xFFU;
  if (type.msgt_inline == 0) type.msgt_deallocate = 1;
  return type;
}

template <typename T>
T load(const Bytes& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
void store(Bytes& bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

}  // namespace

// ---------------------------------------------------------------- 04 §1: one right

bool Model::permits(const Entry& entry, Disposition disposition, bool soft) const {
  const std::string column = column_of(entry.what, entry.urefs);
  const std::string after =
      soft ? test::after_copyin(disposition, column) : test::after_copyin_as_destination(disposition, column);
  return !after.empty();
}

// Soft; NULL and DEAD are carried as they are (note 2).
Model::Taken Model::copyin(SpaceId space, Name name, Disposition disposition) {
  const Disposition type = test::received_type(disposition);
  if (name == MACH_PORT_NULL) return {.ok = true, .right = {.type = type, .to = Right::To::kNull}};
  if (name == MACH_PORT_DEAD) return {.ok = true, .right = {.type = type, .to = Right::To::kDead}};
  if (!permits(look_up(space, name), disposition, true)) return {};
  return copyin_known(space, name, disposition);
}

// REQUIRES: permitted.
Model::Taken Model::copyin_known(SpaceId space, Name name, Disposition disposition) {
  Taken taken{.ok = true};
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kDeadName) {
    taken.right = {.type = test::received_type(disposition), .to = Right::To::kDead};
    if (disposition != kCopySend) drop_urefs(space, name, 1);
    return taken;
  }
  taken.right = live_right(entry.port, disposition);
  if (disposition == kMoveReceive) take_receive(space, name, taken);
  if (disposition == kMoveSend) take_urefs(space, name, 1, taken);
  if (disposition == kMoveSendOnce) {
    taken.deleted = free_name(space, name).request;
    taken.freed_name = name;
  }
  return taken;
}

// A naked right and its counts. The counts of what it is taken from are those of take_urefs.
Right Model::live_right(PortId id, Disposition disposition) {
  Port& from = port(id);
  const Disposition type = test::received_type(disposition);
  if (type == MACH_MSG_TYPE_PORT_SEND) ++from.srights;
  if (disposition == kMakeSend && !planted(Fault::kMakeSendIsNotCounted)) ++from.mscount;
  if (disposition == kMakeSendOnce) ++from.sorights;
  return {.type = type, .to = Right::To::kPort, .port = id};
}

// 01 §13. R → free, R+S → S.
void Model::take_receive(SpaceId space, Name name, Taken& taken) {
  Entry& entry = at(space, name);
  const PortId id = entry.port;
  if (entry.what == What::kReceiveSend) {
    entry.what = What::kSend;
  } else {
    taken.deleted = free_name(space, name).request;
    taken.freed_name = name;
  }
  detach_receiver(id);
  port(id).payload.reset();
}

// R+S(n) → R+S(n-count) or R, S(n) → S(n-count) or free.
void Model::take_urefs(SpaceId space, Name name, unsigned count, Taken& taken) {
  Entry& entry = at(space, name);
  entry.urefs -= count;
  if (entry.urefs > 0) return;
  --port(entry.port).srights;  // cannot be the last one: the message has one
  if (entry.what == What::kReceiveSend) {
    entry.what = What::kReceive;
    return;
  }
  taken.deleted = free_name(space, name).request;
  taken.freed_name = name;
}

void Model::tell_deleted(const Taken& taken) {
  if (taken.deleted) notify(taken.deleted->notify, MACH_NOTIFY_PORT_DELETED, taken.freed_name);
}

// ---------------------------------------------------------------- 04 §2: the header

mach_msg_return_t Model::copyin_header(SpaceId space, const Arguments& arguments, Message& message) {
  const auto header = load<mach_msg_header_t>(message.bytes, 0);
  const Disposition remote = MACH_MSGH_BITS_REMOTE(header.msgh_bits);
  const Disposition local = MACH_MSGH_BITS_LOCAL(header.msgh_bits);
  const bool cancel = (arguments.option & MACH_SEND_CANCEL) != 0;
  if (remote == kMoveReceive || !is_port_type(remote)) return MACH_SEND_INVALID_HEADER;
  if (local == 0 && header.msgh_local_port != MACH_PORT_NULL) return MACH_SEND_INVALID_HEADER;
  if (local != 0 && (local == kMoveReceive || !is_port_type(local))) return MACH_SEND_INVALID_HEADER;
  if (space_of(space).dead) return MACH_SEND_INVALID_DEST;
  if (cancel && !has_receive(space, arguments.notify)) return MACH_SEND_INVALID_NOTIFY;

  HeaderTaken taken = copyin_ports(space, header);
  if (taken.code != MACH_MSG_SUCCESS) return taken.code;
  message.destination = taken.destination.right;
  message.reply = taken.reply.right;
  // 03 §7.
  if (cancel && taken.destination.deleted &&
      taken.destination.deleted->notify == look_up(space, arguments.notify).port) {
    --port(taken.destination.deleted->notify).sorights;
    taken.destination.deleted.reset();
  }
  tell_deleted(taken.destination);
  tell_deleted(taken.reply);
  return MACH_MSG_SUCCESS;
}

Model::HeaderTaken Model::copyin_ports(SpaceId space, const mach_msg_header_t& header) {
  const Name remote = header.msgh_remote_port;
  const Name local = header.msgh_local_port;
  const Disposition remote_type = MACH_MSGH_BITS_REMOTE(header.msgh_bits);
  const Disposition local_type = MACH_MSGH_BITS_LOCAL(header.msgh_bits);
  if (remote == local) return copyin_same_name(space, remote, remote_type, local_type);
  const bool reply_is_name = local != MACH_PORT_NULL && local != MACH_PORT_DEAD;
  if (look_up(space, remote).what == What::kFree) return {MACH_SEND_INVALID_DEST};
  if (reply_is_name && !permits(look_up(space, local), local_type, true)) return {MACH_SEND_INVALID_REPLY};
  if (!permits(look_up(space, remote), remote_type, false)) return {MACH_SEND_INVALID_DEST};
  HeaderTaken taken;
  taken.destination = copyin_known(space, remote, remote_type);
  if (local_type != 0) taken.reply = copyin(space, local, local_type);
  return taken;
}

// 04 §3. The table says how many references go; a name that is freed is the reply's for COPY/MOVE, the
// destination's otherwise.
Model::HeaderTaken Model::copyin_same_name(SpaceId space, Name name, Disposition destination,
                                           Disposition reply) {
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kFree) return {MACH_SEND_INVALID_DEST};
  const bool dead = entry.what == What::kDeadName;
  const std::string column = column_of(entry.what, dead ? 1 : entry.urefs);
  const test::SameNameCell& cell = same_name_cell(destination, reply, column);
  if (cell.code != MACH_MSG_SUCCESS) return {cell.code};
  const unsigned taken_urefs = send_urefs(column) - send_urefs(cell.after);
  if (planted(Fault::kMoveAndCopyNeedTwo) && destination == kMoveSend && reply == kCopySend &&
      entry.urefs == 1) {
    return {MACH_SEND_INVALID_REPLY};
  }
  HeaderTaken taken;
  taken.destination.right = live_right(entry.port, destination);
  taken.reply.right = live_right(entry.port, reply);
  Taken& freed = destination == kCopySend && reply == kMoveSend ? taken.reply : taken.destination;
  if (taken_urefs > 0) take_urefs(space, name, taken_urefs, freed);
  return taken;
}

// ---------------------------------------------------------------- 02 §8: the body

// On failure what was taken is destroyed, the header rights first (03 §3 phase 5).
mach_msg_return_t Model::copyin_body(SpaceId space, Message& message) {
  auto bits = load<mach_msg_bits_t>(message.bytes, 0) & ~MACH_MSGH_BITS_CIRCULAR;
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  if ((bits & MACH_MSGH_BITS_COMPLEX) != 0) {
    bool rights_or_memory = false;
    code = copyin_items(space, message, rights_or_memory);
    if (!rights_or_memory) bits &= ~MACH_MSGH_BITS_COMPLEX;
  }
  store(message.bytes, 0, bits);
  if (code != MACH_MSG_SUCCESS) take_apart(message);
  return code;
}

mach_msg_return_t Model::copyin_items(SpaceId space, Message& message, bool& rights_or_memory) {
  Bytes& bytes = message.bytes;
  const std::size_t end = bytes.size();
  std::size_t at = sizeof(mach_msg_header_t);
  while (at < end) {
    if (end - at < sizeof(mach_msg_type_t)) return MACH_SEND_MSG_TOO_SMALL;
    const auto type = load<mach_msg_type_t>(bytes, at);
    const bool ports = is_port_type(type.msgt_name);
    const bool in_line = type.msgt_inline != 0;
    if (ports && type.msgt_size != (in_line ? 64 : 32)) return MACH_SEND_INVALID_TYPE;
    if (type.msgt_unused != 0) return MACH_SEND_INVALID_TYPE;
    if (type.msgt_deallocate != 0 && in_line) return MACH_SEND_INVALID_TYPE;
    rights_or_memory |= ports || !in_line;
    store(bytes, at, as_received(type));
    at += sizeof type;
    const std::uint64_t content = in_line ? length_of(type) : sizeof(Address);
    if (end - at < content) return MACH_SEND_MSG_TOO_SMALL;
    const mach_msg_return_t code = copyin_item(space, message, type, at);
    if (code != MACH_MSG_SUCCESS) return code;
    at += (content + 7) / 8 * 8;
  }
  return MACH_MSG_SUCCESS;
}

// Rows 8 and 9: memory first, then the rights.
mach_msg_return_t Model::copyin_item(SpaceId space, Message& message, const mach_msg_type_t& type,
                                     std::size_t offset) {
  const bool ports = is_port_type(type.msgt_name);
  const std::uint64_t length = length_of(type);
  const auto first = message.bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  if (type.msgt_inline != 0) {
    if (!ports) return MACH_MSG_SUCCESS;
    message.items.push_back({.offset = offset});
    const Bytes names(first, first + static_cast<std::ptrdiff_t>(length));
    return copyin_rights(space, message, names, sizeof(std::uint64_t), type.msgt_name);
  }
  const auto address = load<Address>(message.bytes, offset);
  message.items.push_back({.offset = offset, .out_of_line = true, .page_offset = address % kPageSize});
  if (length == 0) return MACH_MSG_SUCCESS;
  std::optional<Bytes> data = read_memory(space, address, length);
  if (!data) return MACH_SEND_INVALID_MEMORY;
  if (type.msgt_deallocate != 0) deallocate_memory(space, address, length);
  if (ports) return copyin_rights(space, message, *data, sizeof(Name), type.msgt_name);
  message.items.back().data = std::move(*data);
  return MACH_MSG_SUCCESS;
}

mach_msg_return_t Model::copyin_rights(SpaceId space, Message& message, const Bytes& names, std::size_t width,
                                       Disposition disposition) {
  for (std::size_t at = 0; at < names.size(); at += width) {
    const Taken taken = copyin(space, load<Name>(names, at), disposition);
    if (!taken.ok) return MACH_SEND_INVALID_RIGHT;
    tell_deleted(taken);
    message.items.back().rights.push_back(taken.right);
    if (disposition != kMoveReceive || taken.right.to != Right::To::kPort) continue;
    // 03 §9.
    if (leads_to(message.destination.port, taken.right.port)) {
      message.circular = true;
    } else {
      port(taken.right.port).transit_to = message.destination.port;
    }
  }
  return MACH_MSG_SUCCESS;
}

}  // namespace netmsg::model
