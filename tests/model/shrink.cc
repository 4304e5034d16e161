// SPDX-License-Identifier: Apache-2.0
#include "tests/model/shrink.h"

#include <mach/message.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace netmsg::model {

using namespace conformance;

namespace {

Operations without(const Operations& operations, std::size_t from, std::size_t count) {
  Operations rest = operations;
  const auto first = rest.begin() + static_cast<std::ptrdiff_t>(from);
  const std::size_t end = std::min(from + count, rest.size());
  rest.erase(first, rest.begin() + static_cast<std::ptrdiff_t>(end));
  return rest;
}

// Leaves out runs of operations, long ones first. True: something went.
bool drop_operations(Operations& operations, const Differs& differs) {
  const std::size_t before = operations.size();
  for (std::size_t count = (before + 1) / 2; count > 0; count /= 2) {
    for (std::size_t from = 0; from < operations.size();) {
      Operations candidate = without(operations, from, count);
      if (differs(candidate)) {
        operations = std::move(candidate);
      } else {
        from += count;
      }
    }
  }
  return operations.size() < before;
}

// Each simpler form of a call.
std::vector<MsgCall> simpler(const MsgCall& call) {
  std::vector<MsgCall> all;
  if (!call.message) return all;
  for (std::size_t at = 0; at < call.message->items.size(); ++at) {
    MsgCall candidate = call;
    candidate.message->items.erase(candidate.message->items.begin() + static_cast<std::ptrdiff_t>(at));
    all.push_back(std::move(candidate));
    if (call.message->items[at].names.size() < 2) continue;
    candidate = call;
    candidate.message->items[at].names.pop_back();
    all.push_back(std::move(candidate));
  }
  if (call.message->local.type != 0) {
    MsgCall candidate = call;
    candidate.message->local = {};
    all.push_back(std::move(candidate));
  }
  return all;
}

// A call of a second thread, made by the first one instead, which must not wait.
std::optional<Operation> unthreaded(const Operation& operation) {
  if (operation.verb != Verb::kStart) return std::nullopt;
  Operation direct = operation;
  direct.verb = Verb::kMachMsg;
  direct.thread.second = false;
  direct.call.option |= MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT;
  return direct;
}

bool simplify_one(Operations& operations, std::size_t at, const Differs& differs) {
  if (const auto direct = unthreaded(operations[at])) {
    Operations candidate = operations;
    candidate[at] = *direct;
    if (differs(candidate)) {
      operations = std::move(candidate);
      return true;
    }
  }
  for (const MsgCall& call : simpler(operations[at].call)) {
    Operations candidate = operations;
    candidate[at].call = call;
    if (!differs(candidate)) continue;
    operations = std::move(candidate);
    return true;
  }
  return false;
}

bool simplify_messages(Operations& operations, const Differs& differs) {
  bool simplified = false;
  for (std::size_t at = 0; at < operations.size(); ++at) {
    while (simplify_one(operations, at, differs)) simplified = true;
  }
  return simplified;
}

}  // namespace

Operations shrink(Operations operations, const Differs& differs) {
  bool smaller = true;
  while (smaller) {
    smaller = drop_operations(operations, differs);
    smaller |= simplify_messages(operations, differs);
  }
  return operations;
}

}  // namespace netmsg::model
