// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/symbols.h"

#include <algorithm>
#include <utility>

namespace netmsg::conformance {

bool Symbols::is_bound(Symbol symbol) const {
  const auto at = entries_.find(symbol);
  return at != entries_.end() && at->second.bound;
}

std::optional<Symbol> Symbols::symbol_of(Name number) const {
  const auto at = by_number_.find(number);
  if (at == by_number_.end()) return std::nullopt;
  return at->second;
}

std::vector<Symbol> Symbols::bound() const {
  std::vector<Symbol> symbols;
  for (const auto& [symbol, entry] : entries_) {
    if (entry.bound) symbols.push_back(symbol);
  }
  return symbols;
}

bool Symbols::bind(Symbol symbol, Name number, std::vector<Symbol> replaced) {
  if (is_known(symbol) || by_number_.count(number) != 0) return false;
  entries_.emplace(symbol, Entry{number, true, std::move(replaced)});
  by_number_.emplace(number, symbol);
  return true;
}

void Symbols::rebind(Symbol symbol, Name number) {
  Entry& entry = entries_.at(symbol);
  by_number_.erase(entry.number);
  entry.former.push_back(std::exchange(entry.number, number));
  by_number_.emplace(number, symbol);
}

void Symbols::unbind(Symbol symbol) {
  Entry& entry = entries_.at(symbol);
  if (!std::exchange(entry.bound, false)) return;
  by_number_.erase(entry.number);
}

bool Symbols::may_denote(Symbol symbol, Name number) const {
  const auto at = entries_.find(symbol);
  if (at == entries_.end()) return false;
  const Entry& entry = at->second;
  const auto& former = entry.former;
  if (entry.number == number || std::find(former.begin(), former.end(), number) != former.end()) return true;
  return std::any_of(entry.replaced.begin(), entry.replaced.end(),
                     [&](Symbol older) { return may_denote(older, number); });
}

}  // namespace netmsg::conformance
