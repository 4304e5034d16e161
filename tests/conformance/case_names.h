// SPDX-License-Identifier: Apache-2.0
// The names of one case: symbols of the trace on one side, the numbers of both spaces on the other. What the
// spaces denote is asked once after each operation and kept until the next one. Owned by one replay.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>

#include "tests/conformance/backend.h"
#include "tests/conformance/symbols.h"
#include "tests/conformance/trace.h"

namespace netmsg::conformance {

inline bool is_symbol(const NameRef& name) {
  return name.kind == NameRef::Kind::kSymbol;
}
// "t0:p3".
std::string to_text(SpaceId space, Symbol symbol);

class CaseNames {
 public:
  // REQUIRES: the case has begun on the backend. Names that exist already never get a symbol.
  explicit CaseNames(Backend& backend);

  Symbols& of(SpaceId space) { return symbols_[static_cast<std::size_t>(space)]; }
  const SpaceView& view(SpaceId space);
  // An operation has been carried out: what view() knew is out of date.
  void changed() { views_ = {}; }
  bool denotes_nothing(SpaceId space, Name number) { return view(space).count(number) == 0; }

  // The number for a name that an operation mentions; for an unbound symbol one that denotes nothing.
  Name number_of(SpaceId space, const NameRef& name);
  // For a name that the operation chooses itself: an unbound symbol may be any unused number.
  Name chosen_number(SpaceId space, const NameRef& name);

  // Is `found` what the trace says? A right binds its symbol if that is new; a datum binds nothing.
  bool accept_right(const Expected& result, SpaceId space, const NameRef& expected, Name found);
  bool accept_datum(SpaceId space, const NameRef& expected, Name found);
  // `found` is a name that the recorder never saw (rule B).
  void leave_unnamed(SpaceId space, Name found) { unnamed(space).insert(found); }

  // A started call of this space brings names that the trace knows only when it is joined.
  void expect_strangers(SpaceId space, bool expected) {
    strangers_[static_cast<std::size_t>(space)] = expected;
  }
  // A name that the implementation has and the trace does not.
  std::optional<Name> unexpected(SpaceId space);

 private:
  std::set<Name>& unnamed(SpaceId space) { return unnamed_[static_cast<std::size_t>(space)]; }
  Name stale_number(SpaceId space, Symbol symbol);

  Backend& backend_;
  std::array<Symbols, 2> symbols_;
  std::array<std::set<Name>, 2> unnamed_;  // the tasks' own, and those of rule B
  std::array<std::optional<SpaceView>, 2> views_;
  std::array<bool, 2> strangers_{};
};

}  // namespace netmsg::conformance
