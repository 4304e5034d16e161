// SPDX-License-Identifier: Apache-2.0
// From what was said to a Config: defaults, and the rules that concern several settings at once.
#pragma once

#include <string>

#include "daemon/config.h"

namespace netmsg::daemon {

// What is wrong with the settings, in words that name the option or the place in the file. Thrown and caught
// within the config files, as the exceptions of the argument and file libraries are.
struct Mistake {
  std::string text;
};

// The settings as they were said; empty or absent where nothing was.
struct Draft {
  Config config;
  TlsFiles tls;
};

// Throws Mistake.
Config settle(Draft draft, const Surroundings& surroundings);

}  // namespace netmsg::daemon
