// SPDX-License-Identifier: Apache-2.0
// A table by uid. Peers choose uids, so it is ordered, and nothing is hashed; but it remembers where it found the last
// ones, one for each end of their serials: messages to a few ports, the ports of one program, find their entries at once.
// A peer that chooses its uids against that makes each look-up an ordinary one.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <utility>

#include "proxy/port_uid.h"

namespace netmsg::proxy {

template <typename T>
class UidMap {
 public:
  using Map = std::map<PortUid, T>;
  using iterator = typename Map::iterator;
  using const_iterator = typename Map::const_iterator;
  using node_type = typename Map::node_type;

  UidMap() { found_.fill(map_.end()); }
  UidMap(const UidMap&) = delete;
  UidMap& operator=(const UidMap&) = delete;
  ~UidMap() = default;

  bool empty() const { return map_.empty(); }
  std::size_t size() const { return map_.size(); }
  // In ascending order.
  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  const_iterator begin() const { return map_.begin(); }
  const_iterator end() const { return map_.end(); }

  iterator find(const PortUid& uid) { return look_up(uid); }
  const_iterator find(const PortUid& uid) const { return look_up(uid); }
  bool contains(const PortUid& uid) const { return look_up(uid) != map_.end(); }
  // REQUIRES: there is one.
  const T& at(const PortUid& uid) const { return look_up(uid)->second; }
  T& at(const PortUid& uid) { return look_up(uid)->second; }
  T& operator[](const PortUid& uid) { return emplace(uid).first->second; }

  // Does nothing if there is one.
  template <typename... Args>
  std::pair<iterator, bool> emplace(const PortUid& uid, Args&&... args) {
    const iterator known = look_up(uid);
    if (known != map_.end()) return {known, false};
    return map_.try_emplace(uid, std::forward<Args>(args)...);
  }
  // Empty if there is none.
  node_type extract(const PortUid& uid) {
    const iterator at = look_up(uid);
    return at == map_.end() ? node_type() : extract(at);
  }
  node_type extract(iterator at) {
    forget(at);
    return map_.extract(at);
  }
  void erase(iterator at) { extract(at); }
  void erase(const PortUid& uid) { extract(uid); }
  // All of them; it is empty afterwards.
  Map take() {
    Map all = std::exchange(map_, {});
    found_.fill(map_.end());
    return all;
  }

 private:
  static constexpr std::size_t kRemembered = 64;

  iterator& remembered(const PortUid& uid) const {
    return found_[static_cast<std::size_t>(uid.serial) % kRemembered];
  }
  iterator look_up(const PortUid& uid) const {
    iterator& last = remembered(uid);
    if (last != map_.end() && last->first == uid) return last;
    const iterator at = map_.find(uid);
    if (at != map_.end()) last = at;
    return at;
  }
  void forget(iterator at) {
    iterator& last = remembered(at->first);
    if (last == at) last = map_.end();
  }

  mutable Map map_;  // a look-up changes nothing in it
  mutable std::array<iterator, kRemembered> found_;
};

}  // namespace netmsg::proxy
