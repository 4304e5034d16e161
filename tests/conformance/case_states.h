// SPDX-License-Identifier: Apache-2.0
// The state of every bound symbol of one case as the trace says it is, and compared with what the spaces say
// (FORMAT.md §8). Owned by one replay.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "tests/conformance/case_names.h"
#include "tests/conformance/excuses.h"

namespace netmsg::conformance {

class CaseStates {
 public:
  CaseStates(CaseNames& names, Excuses& excuses) : names_(names), excuses_(excuses) {}

  // Before an operation is carried out.
  void begin() { before_ = states_; }
  // A `-` line: the symbol is bound no more and has no state.
  void forget(SpaceId space, Symbol symbol) { states_.erase({space, symbol}); }
  // The `=` lines of the operation. What is wrong with them, or nothing.
  std::string apply(const Operation& operation);

  // The first difference that is not excused, in words.
  std::string compare(const Operation& operation);
  // Does every bound symbol denote what it did before the operation?
  bool nothing_changed(const Operation& operation);
  // compare() has excused a difference after which the rest of the case means nothing.
  bool over() const { return over_; }

  // After an operation: symbols that a `free` line unbinds (FORMAT.md §3).
  void unbind_free();

 private:
  std::string compare_one(const Operation& operation, SpaceId space, Symbol symbol);

  using States = std::map<std::pair<SpaceId, Symbol>, std::string>;

  CaseNames& names_;
  Excuses& excuses_;
  States states_;  // as last written, of bound symbols
  States before_;  // the same, before this operation
  bool over_ = false;
};

}  // namespace netmsg::conformance
