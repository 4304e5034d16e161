// SPDX-License-Identifier: Apache-2.0
// The calls of a space that wait, by token. A call that waits is the usual case, so what the table is made of is used
// again: its nodes come from, and go to, the spare ones that all spaces of an engine share.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "daemon/ipc/operation.h"

namespace netmsg::ipc {

class OperationTable {
 public:
  using Map = std::map<OpToken, OperationPtr>;
  using SpareNodes = std::vector<Map::node_type>;

  explicit OperationTable(SpareNodes& spares) : spares_(spares) {}

  const Map& all() const { return map_; }
  Operation* find(OpToken token) const {
    const auto found = map_.find(token);
    return found != map_.end() ? found->second.get() : nullptr;
  }
  // False, and nothing has changed, if there is one with its token.
  bool add(OperationPtr operation) {
    const OpToken token = operation->token;
    if (spares_.empty()) return map_.emplace(token, std::move(operation)).second;
    Map::node_type node = std::move(spares_.back());
    spares_.pop_back();
    node.key() = token;
    node.mapped() = std::move(operation);
    return map_.insert(std::move(node)).inserted;
  }
  // REQUIRES: it is here.
  OperationPtr take(const Operation& operation) {
    Map::node_type node = map_.extract(operation.token);
    OperationPtr taken = std::move(node.mapped());
    if (spares_.size() < base::kSparesMax) spares_.push_back(std::move(node));
    return taken;
  }

 private:
  SpareNodes& spares_;
  Map map_;
};

}  // namespace netmsg::ipc
