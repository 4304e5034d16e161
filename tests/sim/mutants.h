// SPDX-License-Identifier: Apache-2.0
// The rules that can be switched off, by name: `--list-mutants`, `--mutant NAME`.
#pragma once

#include <span>
#include <string>

#include "proxy/mutant.h"

namespace netmsg::sim {

struct Mutant {
  proxy::Rule rule;
  const char* name;
  const char* what;
  const char* faults;   // under which it shows
  unsigned seeds = 60;  // within which it is found
  unsigned first = 1;   // the first of them: rare ones begin near their place
  std::size_t hosts = 3;
};

std::span<const Mutant> mutants();
// Null if there is none of that name.
const Mutant* find_mutant(const std::string& name);

}  // namespace netmsg::sim
