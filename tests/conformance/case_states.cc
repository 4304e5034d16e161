// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/case_states.h"

#include <iterator>

#include "tests/conformance/state_text.h"

namespace netmsg::conformance {

std::string CaseStates::apply(const Operation& operation) {
  for (const State& state : operation.expected.states) {
    const SpaceId space = state.name.space.value_or(operation.thread.space);
    const Symbol symbol = state.name.symbol;
    if (!names_.of(space).is_bound(symbol)) return to_text(space, symbol) + " has a state and is not bound";
    std::string& kept = states_[{space, symbol}];
    excuses_.recorded_state(operation, space, symbol, kept, state.text);
    kept = state.text;
  }
  return {};
}

std::string CaseStates::compare_one(const Operation& operation, SpaceId space, Symbol symbol) {
  const Symbols& symbols = names_.of(space);
  const std::string& expected = states_[{space, symbol}];
  const std::string found = state_text(names_.view(space), symbols.number(symbol), symbols);
  if (found == expected) return {};
  if (excuses_.state(operation, space, symbol, before_[{space, symbol}], expected, found) ==
      Excuses::Verdict::kOver) {
    over_ = true;
    return {};
  }
  return to_text(space, symbol) + ": expected " + expected + ", found " + found;
}

std::string CaseStates::compare(const Operation& operation) {
  for (const SpaceId space : kSpaces) {
    for (const Symbol symbol : names_.of(space).bound()) {
      std::string difference = compare_one(operation, space, symbol);
      if (!difference.empty()) return difference;
    }
  }
  // A name that the implementation has and the trace does not.
  for (const SpaceId space : kSpaces) {
    if (const std::optional<Name> name = names_.unexpected(space)) {
      return "name " + std::to_string(*name) + " denotes something and has no symbol: " +
             state_text(names_.view(space), *name, names_.of(space));
    }
  }
  return {};
}

bool CaseStates::nothing_changed(const Operation& operation) {
  std::swap(states_, before_);
  const bool same = compare(operation).empty();
  std::swap(states_, before_);
  return same;
}

void CaseStates::unbind_free() {
  for (auto at = states_.begin(); at != states_.end();) {
    const bool gone = at->second == "free";
    if (gone) names_.of(at->first.first).unbind(at->first.second);
    at = gone ? states_.erase(at) : std::next(at);
  }
}

}  // namespace netmsg::conformance
