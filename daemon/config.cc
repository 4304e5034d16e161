// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>

#include "daemon/config_defaults.h"
#include "daemon/config_values.h"

namespace netmsg::daemon {
namespace {

constexpr int kExitUsage = 2;

// --- the settings ---

struct Setting {
  const char* option;  // --option on the command line
  const char* key;     // in the file; "limits.x" is x in the table [limits]
  const char* value;   // what --help calls it; null: a flag
  const char* help;
  std::string (*read)(const std::string& text, Draft& draft);
};

constexpr const char* kPeerOption = "peer";

// The only setting that may be given several times.
bool is_repeatable(const Setting& setting) {
  return std::string_view(setting.option) == kPeerOption;
}

// clang-format off
constexpr Setting kSettings[] = {
  {"socket", "socket", "PATH",
   "where programs connect (default: /run/netmsgd/socket if that directory can be written, else $XDG_RUNTIME_DIR/netmsgd/socket)",
   [](const std::string& text, Draft& d) { return read_socket_path(text, d.config.socket_path); }},
  {"control", "control", "PATH",
   "where netmsgctl connects (default: 'control' beside the socket)",
   [](const std::string& text, Draft& d) { return read_socket_path(text, d.config.control_path); }},
  {"node", "node", "NAME",
   "how this host is called by its programs (default: the host name)",
   [](const std::string& text, Draft& d) { return read_node(text, d.config.node); }},
  {"listen", "listen", "ADDR:PORT",
   "where other daemons connect; port 0: any free one (default: nowhere; this daemon only dials)",
   [](const std::string& text, Draft& d) { return read_listen(text, d.config.listen); }},
  {kPeerOption, kPeerOption, "NAME=ADDR:PORT",
   "a daemon that may connect and is dialed (only NAME: it may connect, and is not dialed); repeatable, those of the command line replace those of the file (default: none, networking is off)",
   [](const std::string& text, Draft& d) { return read_peer(text, d.config.peers); }},
  {"state", "state", "DIR",
   "what survives a restart (default: /var/lib/netmsgd if it can be written, else netmsgd in $XDG_STATE_HOME or ~/.local/state)",
   [](const std::string& text, Draft& d) { return read_text(text, d.config.state_dir); }},
  {"tls-cert", "tls-cert", "FILE",
   "PEM certificate of this host; its URI netmsg:node:<32 hex digits> is the node id",
   [](const std::string& text, Draft& d) { return read_text(text, d.tls.certificate); }},
  {"tls-key", "tls-key", "FILE",
   "PEM private key of that certificate",
   [](const std::string& text, Draft& d) { return read_text(text, d.tls.key); }},
  {"tls-ca", "tls-ca", "FILE",
   "PEM certificates of who signs the certificates of peers",
   [](const std::string& text, Draft& d) { return read_text(text, d.tls.authority); }},
  {"insecure-peers", "insecure-peers", nullptr,
   "talk to peers in plaintext, believing whatever they say they are",
   [](const std::string& text, Draft& d) { return read_flag(text, d.config.insecure_peers); }},
  {"log-level", "log-level", "LEVEL",
   "debug, info, warn, error or off (default: info)",
   [](const std::string& text, Draft& d) { return read_log_level(text, d.config.log_level); }},
  {"look-up-timeout-ms", "look-up-timeout-ms", "MS",
   "how long a look-up waits for other hosts, 1 to 600000 (default: 5000)",
   [](const std::string& text, Draft& d) { return read_milliseconds(text, 600000, d.config.look_up_limit); }},
  {"limit-names", "limits.names", "N",
   "names in the port space of a task, 8 to 16777216 (default: 65536)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 8, 1U << 24, d.config.limits.names_per_space); }},
  {"limit-inline-bytes", "limits.inline-bytes", "N",
   "bytes of a message with its header, 1024 to 67108864; above 4194304 it stays on this host (default: 1048576)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 1024, 1U << 26, d.config.limits.inline_bytes); }},
  {"limit-memory-bytes", "limits.memory-bytes", "N",
   "out-of-line bytes of a message, 0 to 2147483648 (default: 1073741824)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 0, 1U << 31, d.config.limits.memory_bytes); }},
  {"limit-rights", "limits.rights", "N",
   "rights in a message, 1 to 1048576; above 16384 it stays on this host (default: 16384)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 1, 1U << 20, d.config.limits.rights_per_message); }},
  {"limit-user-bytes", "limits.user-bytes", "N",
   "queued and buffered bytes of a user, 65536 to 1099511627776 (default: 67108864)",
   [](const std::string& text, Draft& d) { return read_number<std::uint64_t>(text, 1U << 16, 1ULL << 40, d.config.limits.bytes_per_user); }},
  {"limit-user-file-bytes", "limits.user-file-bytes", "N",
   "bytes of the memory files that a user has handed over, 65536 to 1099511627776 (default: 4294967296)",
   [](const std::string& text, Draft& d) { return read_number<std::uint64_t>(text, 1U << 16, 1ULL << 40, d.config.limits.file_bytes_per_user); }},
  {"limit-user-ports", "limits.user-ports", "N",
   "ports of a user, 8 to 16777216 (default: 16384)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 8, 1U << 24, d.config.limits.ports_per_user); }},
  {"limit-user-tasks", "limits.user-tasks", "N",
   "tasks of a user, 1 to 1048576 (default: 4096)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 1, 1U << 20, d.config.limits.tasks_per_user); }},
  {"limit-user-watches", "limits.user-watches", "N",
   "descriptors for event loops of a user, 0 to 1048576 (default: 1024)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 0, 1U << 20, d.config.limits.watches_per_user); }},
  {"limit-user-ring-lanes", "limits.user-ring-lanes", "N",
   "threads of a user that talk through shared memory, 264 KiB at most each, 0 to 16384; others use sockets (default: 4096)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 0, 1U << 14, d.config.limits.ring_lanes_per_user); }},
  {"limit-user-windows", "limits.user-windows", "N",
   "of those, at a time, with shared memory for messages up to 1 MiB, 2.2 MiB at most each, 0 to 16384 (default: 256)",
   [](const std::string& text, Draft& d) { return read_number<std::uint32_t>(text, 0, 1U << 14, d.config.limits.windows_per_user); }},
};
// clang-format on

// --- the file ---

std::string as_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  throw Mistake{"is no text, number or truth value"};
}

void read_value(const Setting& setting, const toml::node& node, Draft& draft) {
  const std::string problem = setting.read(as_text(node), draft);
  if (!problem.empty()) throw Mistake{problem};
}

void read_values(const Setting& setting, const toml::node& node, Draft& draft) {
  const toml::array* list = node.as_array();
  if (list == nullptr || !is_repeatable(setting)) return read_value(setting, node, draft);
  for (const toml::node& item : *list) read_value(setting, item, draft);
}

const Setting& find_key(const std::string& key) {
  for (const Setting& setting : kSettings) {
    if (key == setting.key) return setting;
  }
  throw Mistake{"unknown key"};
}

void read_entry(const std::string& file, const std::string& key, const toml::key& name,
                const toml::node& node, Draft& draft) {
  try {
    read_values(find_key(key), node, draft);
  } catch (const Mistake& mistake) {
    throw Mistake{file + ":" + std::to_string(name.source().begin.line) + ": " + key + ": " + mistake.text};
  }
}

void read_table(const std::string& file, const std::string& prefix, const toml::table& table, Draft& draft) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (key == "limits" && node.is_table()) {
      read_table(file, "limits.", *node.as_table(), draft);
    } else {
      read_entry(file, key, name, node, draft);
    }
  }
}

void read_file(const std::string& file, Draft& draft) {
  try {
    read_table(file, "", toml::parse_file(file), draft);
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    const std::string where = line == 0 ? file : file + ":" + std::to_string(line);
    throw Mistake{where + ": " + std::string(error.description())};
  }
}

// --- the command line ---

struct Arguments {
  std::string config_file;
  std::map<std::string, std::vector<std::string>> given;  // by option
  std::string help;                                       // not empty: print and leave
};

void declare_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--config", arguments.config_file,
                 "TOML file with the settings below as keys; the command line wins")
      ->type_name("FILE");
  for (const Setting& setting : kSettings) {
    const std::string option = std::string("--") + setting.option;
    auto& values = arguments.given[setting.option];
    if (setting.value == nullptr) {
      app.add_flag_callback(
          option, [&values] { values = {"true"}; }, setting.help);
    } else {
      app.add_option(option, values, setting.help)->option_text(setting.value)->allow_extra_args(false);
    }
  }
}

Arguments parse_arguments(int argc, const char* const* argv) {
  CLI::App app("netmsgd: carries Mach messages and port rights between programs of this host and of others.",
               "netmsgd");
  app.set_version_flag("--version", "netmsgd " NETMSG_VERSION);
  app.footer(
      "In the file a key is the option without its dashes; --limit-NAME is NAME in the table [limits].\n"
      "Exit status: 0 stopped by SIGTERM or SIGINT, 1 could not start or go on, 2 wrong arguments or "
      "configuration.");
  Arguments arguments;
  declare_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    arguments.help = app.help();
  } catch (const CLI::CallForVersion&) {
    arguments.help = app.version() + "\n";
  } catch (const CLI::ParseError& error) {
    throw Mistake{error.what()};
  }
  return arguments;
}

void read_option(const Setting& setting, const std::vector<std::string>& values, Draft& draft) {
  const std::string option = std::string("--") + setting.option + ": ";
  if (values.size() > 1 && !is_repeatable(setting)) throw Mistake{option + "given more than once"};
  if (!values.empty() && is_repeatable(setting)) draft.config.peers.clear();
  for (const std::string& value : values) {
    const std::string problem = setting.read(value, draft);
    if (!problem.empty()) throw Mistake{option + problem};
  }
}

// --- the surroundings ---

bool can_write_directory(const std::string& directory) {
  if (::access(directory.c_str(), F_OK) == 0) return ::access(directory.c_str(), W_OK | X_OK) == 0;
  return ::access(directory.substr(0, directory.rfind('/')).c_str(), W_OK | X_OK) == 0;
}

std::string environment_variable(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  return value == nullptr ? "" : value;
}

}  // namespace

std::string Endpoint::text() const {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return shown + ":" + std::to_string(port);
}

Surroundings real_surroundings() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) name[0] = '\0';
  return Surroundings{name, environment_variable, can_write_directory};
}

ConfigOutcome read_config(int argc, const char* const* argv, const Surroundings& surroundings) {
  try {
    const Arguments arguments = parse_arguments(argc, argv);
    if (!arguments.help.empty()) return {std::nullopt, 0, arguments.help};
    Draft draft;
    if (!arguments.config_file.empty()) read_file(arguments.config_file, draft);
    for (const Setting& setting : kSettings) read_option(setting, arguments.given.at(setting.option), draft);
    return {settle(std::move(draft), surroundings), 0, {}};
  } catch (const Mistake& mistake) {
    return {std::nullopt, kExitUsage, "netmsgd: " + mistake.text + "\n"};
  }
}

}  // namespace netmsg::daemon
