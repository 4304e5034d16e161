// SPDX-License-Identifier: Apache-2.0
// netmsgctl: asks a daemon, or several, by their control sockets.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "daemon/ctl/commands.h"

namespace {

using netmsg::ctl::read_port;
using netmsg::ctl::Request;

struct Command {
  const char* name;
  const char* help;
  int (*run)(const Request& request);
};
// clang-format off
constexpr Command kCommands[] = {
  {"status", "who the daemon is and how it is",                          netmsg::ctl::status},
  {"tasks",  "programs that are attached, and the daemon's own parts",   netmsg::ctl::tasks},
  {"ports",  "what the names of a task, or of all, denote",              netmsg::ctl::ports},
  {"port",   "one port: where it is, who holds rights to it here, why it died", netmsg::ctl::port},
  {"why",    "who holds rights to a port, on all daemons that are asked",  netmsg::ctl::why},
  {"peers",  "other daemons and the sessions with them",                 netmsg::ctl::peers},
  {"names",  "what is checked in with the name service of this host",    netmsg::ctl::names},
  {"audit",  "recounts every right",                                     netmsg::ctl::audit},
  {"settle", "waits until nothing is under way in or between daemons",   netmsg::ctl::settle},
};
// clang-format on

// As programs look for their socket: the user's daemon if there is one, else the system's.
std::string default_control() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string users = runtime == nullptr ? "" : std::string(runtime) + "/netmsgd/control";
  return !users.empty() && ::access(users.c_str(), F_OK) == 0 ? users : "/run/netmsgd/control";
}

void declare(CLI::App& app, Request& request, std::uint64_t& limit_ms) {
  app.set_version_flag("--version", "netmsgctl " NETMSG_VERSION);
  app.add_option(
         "--control", request.controls,
         "the daemon's control socket; with settle and why repeatable (default: as the daemon's own default)")
      ->option_text("PATH")
      ->allow_extra_args(false);
  app.add_flag("--json", request.json,
               "the reply of control.proto as JSON (numbers of 64 bits are strings), for programs");
  app.require_subcommand(1);
  app.fallthrough();
  for (const Command& command : kCommands) app.add_subcommand(command.name, command.help);
  app.get_subcommand("ports")
      ->add_option("task", request.task, "number of a task, see tasks")
      ->type_name("TASK");
  for (const char* command : {"port", "why"}) {
    app.get_subcommand(command)
        ->add_option_function<std::string>(
            "port",
            [&request](const std::string& text) {
              if (!read_port(text, request.port))
                throw CLI::ValidationError("port", "neither UID nor TASK:NAME");
            },
            "a uid as these commands show it, or the number of a task (see tasks), a colon and a name (see "
            "ports)")
        ->type_name("UID|TASK:NAME")
        ->required();
  }
  app.get_subcommand("settle")
      ->add_option("--time-limit-ms", limit_ms, "give up after this long (default: 10000)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{3600000}));
  app.footer(
      "Exit status: 0 done, 1 the daemon says no (no such task, name or port), 2 wrong arguments, 3 no "
      "daemon there or no "
      "answer,\n"
      "4 audit found an imbalance, 5 settle reached its time limit.");
}

int run(const CLI::App& app, Request& request) {
  if (request.controls.empty()) request.controls.push_back(default_control());
  for (const Command& command : kCommands) {
    if (!app.got_subcommand(command.name)) continue;
    const bool several = command.run == netmsg::ctl::settle || command.run == netmsg::ctl::why;
    if (several || request.controls.size() == 1) return command.run(request);
    std::fputs("netmsgctl: --control: may be given more than once with settle and why only\n", stderr);
  }
  return netmsg::ctl::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("netmsgctl: looks into a running netmsgd.", "netmsgctl");
  Request request;
  auto limit_ms = static_cast<std::uint64_t>(request.time_limit.count());
  declare(app, request, limit_ms);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? netmsg::ctl::kOk : netmsg::ctl::kUsage;
  }
  request.time_limit = std::chrono::milliseconds(limit_ms);
  return run(app, request);
}
