// SPDX-License-Identifier: Apache-2.0
#include "daemon/names/registry.h"

#include <mach/notify.h>
#include <servers/netname_defs.h>

#include <algorithm>

#include "daemon/base/check.h"
#include "daemon/ipc/mach_port.h"
#include "daemon/names/wire.h"

namespace netmsg::names {

using ipc::Name;
namespace mach_port = ipc::mach_port;

kern_return_t Registry::check_in(const std::string& name, Name signature, Name port) {
  const kern_return_t code = enter(name, signature, port);
  if (code != KERN_SUCCESS) {
    task_.release(port, MACH_MSG_TYPE_PORT_SEND);
    task_.release(signature, MACH_MSG_TYPE_PORT_SEND);
  }
  return code;
}

// Consumes the rights only on success.
kern_return_t Registry::enter(const std::string& name, Name signature, Name port) {
  if (port == ipc::kNullName || is_dead(port) || is_dead(signature)) return NETNAME_INVALID_PORT;
  const std::string folded = fold(name);
  const auto old = find_live(folded);
  if (old != entries_.end() && old->second.signature != signature) return NETNAME_NOT_YOURS;
  if (old == entries_.end() && entries_.size() >= kEntriesMax) return KERN_RESOURCE_SHORTAGE;
  if (watch(port) != KERN_SUCCESS || watch(signature) != KERN_SUCCESS) return KERN_RESOURCE_SHORTAGE;
  hold(folded, port);
  hold(folded, signature);
  // The new references are counted already: nothing that stays is given up here.
  if (old != entries_.end()) remove(old);
  entries_.emplace(folded, Entry{name.substr(0, kNameMax), port, signature});
  return KERN_SUCCESS;
}

kern_return_t Registry::check_out(const std::string& name, Name signature) {
  const auto entry = find_live(fold(name));
  kern_return_t code = KERN_SUCCESS;
  if (is_dead(signature)) {
    code = NETNAME_INVALID_PORT;
  } else if (entry == entries_.end()) {
    code = NETNAME_NOT_CHECKED_IN;
  } else if (entry->second.signature != signature) {
    code = NETNAME_NOT_YOURS;
  } else {
    remove(entry);
  }
  task_.release(signature, MACH_MSG_TYPE_PORT_SEND);
  return code;
}

Name Registry::look_up(const std::string& name) {
  const auto entry = find_live(fold(name));
  return entry == entries_.end() ? ipc::kNullName : entry->second.port;
}

void Registry::died(Name name) {
  for (auto use = uses_.find(name); use != uses_.end(); use = uses_.find(name))
    remove(entries_.find(use->second));
  task_.release(name, MACH_MSG_TYPE_PORT_SEND);
}

std::vector<Registry::Row> Registry::rows() const {
  std::vector<Row> rows;
  for (const auto& [folded, entry] : entries_) rows.push_back({entry.spelling, entry.port, entry.signature});
  return rows;
}

bool Registry::is_dead(Name name) const {
  if (name == ipc::kNullName) return false;
  const auto type = mach_port::type(task_.space(), name);
  return !type.ok() || (type.value() & MACH_PORT_TYPE_DEAD_NAME) != 0;
}

// A death may be known to the engine before its notification
// has been handled here: such an entry is none any more.
Registry::Entries::iterator Registry::find_live(const std::string& folded) {
  const auto entry = entries_.find(folded);
  if (entry == entries_.end()) return entry;
  if (!is_dead(entry->second.port) && !is_dead(entry->second.signature)) return entry;
  remove(entry);
  return entries_.end();
}

// One request for each name that is in use here. A request may be left from an earlier use of the same name;
// it is replaced, and its right comes back and is given up.
kern_return_t Registry::watch(Name name) {
  if (name == ipc::kNullName || uses_.count(name) != 0) return KERN_SUCCESS;
  ipc::Space& space = task_.space();
  auto previous = mach_port::request_notification(space, space, name, MACH_NOTIFY_DEAD_NAME, 0, notify_port_,
                                                  MACH_MSG_TYPE_MAKE_SEND_ONCE);
  if (previous.ok()) task_.release(previous.value(), MACH_MSG_TYPE_PORT_SEND_ONCE);
  return previous.code();
}

void Registry::hold(const std::string& folded, Name name) {
  if (name != ipc::kNullName) uses_.emplace(name, folded);
}

void Registry::drop(const std::string& folded, Name name) {
  if (name == ipc::kNullName) return;
  const auto [first, last] = uses_.equal_range(name);
  const auto use = std::find_if(first, last, [&folded](const auto& each) { return each.second == folded; });
  NETMSG_CHECK(use != last);
  uses_.erase(use);
  task_.release(name, MACH_MSG_TYPE_PORT_SEND);
}

void Registry::remove(Entries::iterator entry) {
  const auto taken = entries_.extract(entry);
  drop(taken.key(), taken.mapped().port);
  drop(taken.key(), taken.mapped().signature);
}

}  // namespace netmsg::names
