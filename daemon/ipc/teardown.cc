// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/teardown.h"

#include <vector>

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc {

// 01 §10 step 2. A backup that is itself on its way to this port could never be received: its right is released
// without a word. The payload has been cleared by leave_space.
bool Port::go_to_backup() {
  if (!port_destroyed_request) return false;
  SendOnceRight backup = std::move(port_destroyed_request);
  if (&backup.port()->end_of_transit() == this) {
    backup.consume();
    return false;
  }
  notify::port_destroyed(std::move(backup), ReceiveRight(*this));
  return true;
}

// The steps are numbered as in 01 §10; step 1 (leave_space) belongs to whoever took the right out of a space.
void Port::die() {
  NETMSG_CHECK(home_ != Home::kSpace && !dead());
  leave_transit();
  if (go_to_backup()) return;            // 2
  core_.wake_all(senders, Wake::kRoom);  // 3
  if (remote()) msgcount = 0;            // what is under way is its home's
  home_ = Home::kDead;                   // 4
  charge_ = Charge();                    // whoever still names it does so at his own expense
  if (link_slot != 0) core_.link().died(*this);
  no_senders_request.reset();                                          // 5: a send-once notification
  while (MessagePtr message = queue.pop()) --msgcount;                 // 6
  while (DeadNameRequest* request = dead_name_requests.pop_front()) {  // 7
    SendOnceRight to = std::move(request->notify);
    const Name name = request->name;
    request->space.port_died_under(name);  // the request is gone
    notify::dead_name(std::move(to), name);
  }
}

void drop_last_send(Space& space, Name name) {
  Entry& entry = *space.find(name);
  if (entry.receive) {
    space.split_send(entry).reset();
    return;
  }
  Entry removed = space.remove(name);
  removed.send.reset();
  notify::port_deleted(std::move(removed.request));
}

void drop_send_once(Space& space, Name name) {
  Entry removed = space.remove(name);
  removed.once.reset();
  notify::port_deleted(std::move(removed.request));
}

void drop_receive(Space& space, Name name) {
  Entry& entry = *space.find(name);
  if (entry.send) {
    entry.give_up_accepted();
    space.split_receive(name, entry).reset();
    return;
  }
  Entry removed = space.remove(name);
  removed.receive.reset();
  notify::port_deleted(std::move(removed.request));
}

void destroy_name(Space& space, Name name) {
  const Entry* entry = space.find(name);
  const std::uint32_t mscount =
      entry->receive ? entry->receive.port()->mscount : 0;  // leaving the space clears it
  Entry removed = space.remove(name);
  SendOnceRight no_senders;
  if (removed.receive && removed.send) {
    Port& port = *removed.send.port();
    if (removed.send.release_quietly()) no_senders = std::move(port.no_senders_request);
  }
  removed.receive.reset();
  if (no_senders) notify::no_senders(std::move(no_senders), mscount);
  removed.send.reset();
  removed.once.reset();
  if (removed.set) removed.set->dissolve(space.core());
  notify::port_deleted(std::move(removed.request));
}

void empty_space(Space& space) {
  space.discard_watches();
  space.discard_operations();
  std::vector<Name> names;
  names.reserve(space.size());
  space.for_each([&](Name name, Entry& entry) {
    entry.give_up_accepted();
    names.push_back(name);
  });
  for (const Name name : names) destroy_name(space, name);
  space.task().give_up();
}

}  // namespace netmsg::ipc
