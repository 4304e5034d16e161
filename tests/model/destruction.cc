// SPDX-License-Identifier: Apache-2.0
// Ports and messages that die, and the notifications that tell of it (spec 01 §§10-12, 06).
#include <mach/notify.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/model/model.h"

namespace netmsg::model {

namespace {

void append_words(Bytes& bytes, std::initializer_list<std::uint32_t> words) {
  for (const std::uint32_t word : words) {
    const auto* from = reinterpret_cast<const std::byte*>(&word);
    bytes.insert(bytes.end(), from, from + sizeof word);
  }
}

// 06 §1: the descriptor of each notification's one item. 0: no item.
std::uint32_t descriptor_of(mach_msg_id_t id) {
  switch (id) {
    case MACH_NOTIFY_NO_SENDERS:
      return 0x20002002;
    case MACH_NOTIFY_PORT_DESTROYED:
      return 0x20004010;
    case MACH_NOTIFY_SEND_ONCE:
      return 0;
    default:
      return 0x2000200F;
  }
}

}  // namespace

// Sends a notification to a send-once right, which it uses up (06 §1). `carried`: a receive right.
void Model::notify(PortId to, mach_msg_id_t id, std::uint32_t value, PortId carried) {
  const auto message = std::make_shared<Message>();
  const bool complex = carried != kNobody;
  append_words(message->bytes,
               {complex ? MACH_MSGH_BITS_COMPLEX : 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint32_t>(id)});
  if (const std::uint32_t descriptor = descriptor_of(id); descriptor != 0) {
    append_words(message->bytes, {descriptor, 1, value, 0});
  }
  message->destination = {.type = MACH_MSG_TYPE_PORT_SEND_ONCE, .to = Right::To::kPort, .port = to};
  if (complex) {
    message->items.push_back(
        {.offset = sizeof(mach_msg_header_t) + 8,
         .rights = {{.type = MACH_MSG_TYPE_PORT_RECEIVE, .to = Right::To::kPort, .port = carried}}});
    port(carried).transit_to = to;
  }
  accept(message, false);
}

// One of the rights that srights counts has ceased to exist.
void Model::send_right_gone(PortId id) {
  Port& gone = port(id);
  --gone.srights;
  if (gone.srights > 0 || gone.dead || !gone.no_senders) return;
  notify(*std::exchange(gone.no_senders, std::nullopt), MACH_NOTIFY_NO_SENDERS, gone.mscount);
}

// 01 §11: a naked right is destroyed.
void Model::release(const Right& right) {
  if (right.to != Right::To::kPort || port(right.port).dead) return;
  switch (right.type) {
    case MACH_MSG_TYPE_PORT_SEND:
      return send_right_gone(right.port);
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
      if (planted(Fault::kDroppedSendOnceIsSilent)) return void(--port(right.port).sorights);
      return notify(right.port, MACH_NOTIFY_SEND_ONCE);
    default:
      return destroy_receive_right(right.port);
  }
}

// ---------------------------------------------------------------- 01 §10

// Step 1, also of a move (01 §13).
void Model::detach_receiver(PortId id) {
  Port& detached = port(id);
  if (detached.set != kNobody) {
    leave_set(id);
  } else {
    wake_receivers(detached.receivers, Wake::kPortDied);
  }
  detached.mscount = 0;
  if (!planted(Fault::kSequenceSurvivesTheMove)) detached.seqno = 0;
  detached.holder = kNobody;
}

// 03 §9: is `wanted` reached from `from`, following "in transit to"?
bool Model::leads_to(PortId from, PortId wanted) const {
  while (from != kNobody && from != wanted) from = port(from).transit_to;
  return from == wanted;
}

// Steps 2 to 7. REQUIRES: detached.
void Model::destroy_receive_right(PortId id) {
  Port& dying = port(id);
  dying.transit_to = kNobody;
  if (send_to_backup(id)) return;
  wake_senders(id, static_cast<unsigned>(dying.senders.size()));
  dying.dead = true;
  entries_die(id);
  if (dying.no_senders) notify(*std::exchange(dying.no_senders, std::nullopt), MACH_NOTIFY_SEND_ONCE);
  std::deque<MessagePtr> queue = std::exchange(dying.queue, {});
  if (planted(Fault::kQueueDiesNewestFirst)) std::reverse(queue.begin(), queue.end());
  for (const MessagePtr& message : queue) destroy_message(message);
  dead_name_notifications(id);
}

// Step 2. True: the port lives on in a port-destroyed notification (or has died with that).
bool Model::send_to_backup(PortId id) {
  Port& saved = port(id);
  if (!saved.port_destroyed) return false;
  const PortId backup = *std::exchange(saved.port_destroyed, std::nullopt);
  saved.payload.reset();
  if (leads_to(backup, id)) {
    --port(backup).sorights;
    return false;
  }
  notify(backup, MACH_NOTIFY_PORT_DESTROYED, 0, id);
  return true;
}

// Every name of the port becomes a dead name.
void Model::entries_die(PortId id) {
  for (Space& space : spaces_) {
    for (auto& [name, entry] : space.entries) {
      if (entry.port != id) continue;
      if (entry.what == What::kSendOnce) entry.urefs = 1;
      entry.what = What::kDeadName;
    }
  }
}

// Step 7: in the order of registration, each with one more reference.
void Model::dead_name_notifications(PortId id) {
  struct Due {
    Name name;
    Entry* entry;
  };
  std::map<int, Due> due;
  for (Space& space : spaces_) {
    for (auto& [name, entry] : space.entries) {
      if (entry.port == id && entry.request) due[entry.request->order] = {name, &entry};
    }
  }
  for (auto& [order, one] : due) {
    if (!planted(Fault::kDeadNameGainsNoReference)) ++one.entry->urefs;
    const Request request = *std::exchange(one.entry->request, std::nullopt);
    notify(request.notify, MACH_NOTIFY_DEAD_NAME, one.name);
  }
}

// 01 §9.
void Model::destroy_set(SetId id) {
  for (std::size_t member = 0; member < ports_.size(); ++member) {
    if (ports_[member].set == id) leave_set(static_cast<PortId>(member));
  }
  wake_receivers(set(id).receivers, Wake::kPortDied);
}

// ---------------------------------------------------------------- 01 §12

// A message that has to be destroyed while another one is taken apart waits until that is finished.
void Model::destroy_message(const MessagePtr& message) {
  doomed_.push_back(message);
  if (taking_apart_) return;
  taking_apart_ = true;
  while (!doomed_.empty()) {
    const MessagePtr next = doomed_.front();
    doomed_.pop_front();
    take_apart(*next);
  }
  taking_apart_ = false;
}

void Model::take_apart(Message& message) {
  tell_accepted(message);
  release(message.destination);  // nothing, if the destination is dead
  release(message.reply);
  for (const Item& item : message.items) {
    for (const Right& right : item.rights) release(right);
  }
}

// 06 §5.
void Model::tell_accepted(Message& message) {
  if (!message.accepted) return;
  const Accepted accepted = *std::exchange(message.accepted, std::nullopt);
  if (accepted.name != MACH_PORT_NULL) at(accepted.space, accepted.name).forced.reset();
  notify(accepted.notify, MACH_NOTIFY_MSG_ACCEPTED, accepted.name);
}

}  // namespace netmsg::model
