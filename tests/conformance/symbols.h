// SPDX-License-Identifier: Apache-2.0
// Which number stands for which symbol of a trace in one port space (FORMAT.md §3).
//
//   state     entered by                        left by
//   unknown   -                                 bind
//   bound     a result mentions it first        unbind (`free` and `-` lines)
//   unbound   unbind                            never
//
// A bound symbol may change its number by rule B of DEVIATIONS.md §1.1 (rebind) and keeps being bound. Owned
// by one replay.
#pragma once

#include <mach/port.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netmsg::conformance {

using Name = mach_port_name_t;
using Symbol = std::uint32_t;

class Symbols {
 public:
  bool is_bound(Symbol symbol) const;
  bool is_known(Symbol symbol) const { return entries_.count(symbol) != 0; }
  // The number that a symbol has, or had when it was unbound. REQUIRES: known.
  Name number(Symbol symbol) const { return entries_.at(symbol).number; }
  std::optional<Symbol> symbol_of(Name number) const;
  std::vector<Symbol> bound() const;

  // `replaced`: the symbols whose numbers the recorder may have used for this one (rule A). False: the symbol
  // is known already, or the number is another symbol's.
  bool bind(Symbol symbol, Name number, std::vector<Symbol> replaced);
  // REQUIRES: bound, the number is no symbol's.
  void rebind(Symbol symbol, Name number);
  void unbind(Symbol symbol);

  // Does a name in an `N` item that the trace writes as `symbol` stand for `number`? (Rule A.)
  bool may_denote(Symbol symbol, Name number) const;

 private:
  struct Entry {
    Name number;
    bool bound;
    std::vector<Symbol> replaced;
    std::vector<Name> former =
        {};  // numbers before rebind: what was said about the symbol then is still on its way
  };
  std::map<Symbol, Entry> entries_;
  std::map<Name, Symbol> by_number_;  // bound ones
};

}  // namespace netmsg::conformance
