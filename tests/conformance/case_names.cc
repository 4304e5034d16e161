// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/case_names.h"

#include <utility>
#include <vector>

namespace netmsg::conformance {

std::string to_text(SpaceId space, Symbol symbol) {
  return std::string(space == SpaceId::kT0 ? "t0:p" : "t1:p") + std::to_string(symbol);
}

CaseNames::CaseNames(Backend& backend) : backend_(backend) {
  for (const SpaceId space : kSpaces) {
    for (const auto& [name, state] : view(space)) unnamed(space).insert(name);
  }
}

const SpaceView& CaseNames::view(SpaceId space) {
  std::optional<SpaceView>& kept = views_[static_cast<std::size_t>(space)];
  if (!kept) kept = backend_.look(space);
  return *kept;
}

// The old number of an unbound symbol, so that stale names are tried, unless it means something again.
Name CaseNames::stale_number(SpaceId space, Symbol symbol) {
  if (!of(space).is_known(symbol)) return backend_.unused_name(space);
  const Name number = of(space).number(symbol);
  return denotes_nothing(space, number) ? number : backend_.unused_name(space);
}

Name CaseNames::number_of(SpaceId space, const NameRef& name) {
  space = name.space.value_or(space);
  switch (name.kind) {
    case NameRef::Kind::kNull:
      return MACH_PORT_NULL;
    case NameRef::Kind::kDead:
      return MACH_PORT_DEAD;
    case NameRef::Kind::kBogus:
      return backend_.unused_name(space);
    case NameRef::Kind::kSymbol:
      break;
  }
  return of(space).is_bound(name.symbol) ? of(space).number(name.symbol) : stale_number(space, name.symbol);
}

Name CaseNames::chosen_number(SpaceId space, const NameRef& name) {
  const bool choose = is_symbol(name) && !of(space).is_bound(name.symbol);
  return choose ? backend_.unused_name(space) : number_of(space, name);
}

bool CaseNames::accept_right(const Expected& result, SpaceId space, const NameRef& expected, Name found) {
  if (!is_symbol(expected))
    return expected.kind != NameRef::Kind::kBogus && found == number_of(space, expected);
  if (!MACH_PORT_NAME_VALID(found)) return false;
  Symbols& names = of(space);
  if (names.is_known(expected.symbol)) {
    return names.is_bound(expected.symbol) && names.number(expected.symbol) == found;
  }
  std::vector<Symbol> replaced;
  for (const NameRef& freed : result.unbound) {
    if (freed.space.value_or(space) == space) replaced.push_back(freed.symbol);
  }
  return names.bind(expected.symbol, found, std::move(replaced));
}

bool CaseNames::accept_datum(SpaceId space, const NameRef& expected, Name found) {
  if (!is_symbol(expected))
    return expected.kind != NameRef::Kind::kBogus && found == number_of(space, expected);
  return of(expected.space.value_or(space)).may_denote(expected.symbol, found);
}

std::optional<Name> CaseNames::unexpected(SpaceId space) {
  if (strangers_[static_cast<std::size_t>(space)]) return std::nullopt;
  for (const auto& [name, state] : view(space)) {
    if (!of(space).symbol_of(name) && unnamed(space).count(name) == 0) return name;
  }
  return std::nullopt;
}

}  // namespace netmsg::conformance
