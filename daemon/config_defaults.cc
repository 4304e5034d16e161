// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_defaults.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/config_values.h"

namespace netmsg::daemon {
namespace {

std::string home_of_state(const Surroundings& surroundings) {
  std::string state = surroundings.environment("XDG_STATE_HOME");
  if (!state.empty()) return state;
  const std::string home = surroundings.environment("HOME");
  return home.empty() ? home : home + "/.local/state";
}

void default_socket(Config& config, const Surroundings& surroundings) {
  constexpr const char* kSystemDirectory = "/run/netmsgd";
  const std::string system_path = std::string(kSystemDirectory) + "/socket";
  if (config.socket_path.empty() && surroundings.can_write(kSystemDirectory))
    config.socket_path = system_path;
  config.system_socket = config.socket_path == system_path;
  if (!config.socket_path.empty()) return;
  const std::string runtime = surroundings.environment("XDG_RUNTIME_DIR");
  if (runtime.empty()) {
    throw Mistake{"--socket: needed here: /run/netmsgd cannot be written and XDG_RUNTIME_DIR is not set"};
  }
  const std::string problem = read_socket_path(runtime + "/netmsgd/socket", config.socket_path);
  if (!problem.empty()) throw Mistake{"--socket: the default under XDG_RUNTIME_DIR: " + problem};
}

void default_control(Config& config) {
  if (!config.control_path.empty()) return;
  const std::size_t slash = config.socket_path.rfind('/');
  const std::string beside = slash == std::string::npos ? "" : config.socket_path.substr(0, slash + 1);
  const std::string problem = read_socket_path(beside + "control", config.control_path);
  if (!problem.empty()) throw Mistake{"--control: the default beside the socket: " + problem};
}

void default_state(Config& config, const Surroundings& surroundings) {
  constexpr const char* kSystemDirectory = "/var/lib/netmsgd";
  if (!config.state_dir.empty()) return;
  if (surroundings.can_write(kSystemDirectory)) {
    config.state_dir = kSystemDirectory;
    return;
  }
  const std::string home = home_of_state(surroundings);
  if (home.empty())
    throw Mistake{"--state: needed here: /var/lib/netmsgd cannot be written and HOME is not set"};
  config.state_dir = home + "/netmsgd";
}

void default_node(Config& config, const Surroundings& surroundings) {
  if (!config.node.empty()) return;
  if (!is_node_name(surroundings.host_name)) {
    throw Mistake{"--node: needed here: the host name '" + surroundings.host_name +
                  "' will not do: " + kNodeNameRule};
  }
  config.node = surroundings.host_name;
}

void settle_tls(Draft& draft) {
  const std::pair<const char*, const std::string&> files[] = {
      {"--tls-cert", draft.tls.certificate}, {"--tls-key", draft.tls.key}, {"--tls-ca", draft.tls.authority}};
  const auto given =
      std::count_if(std::begin(files), std::end(files), [](const auto& f) { return !f.second.empty(); });
  if (given == 0) return;
  for (const auto& [option, file] : files) {
    if (file.empty())
      throw Mistake{std::string(option) + ": missing; TLS needs --tls-cert, --tls-key and --tls-ca"};
  }
  for (const auto& [option, file] : files) {
    if (::access(file.c_str(), R_OK) != 0) throw Mistake{std::string(option) + ": cannot read " + file};
  }
  if (draft.config.insecure_peers)
    throw Mistake{"--insecure-peers: contradicts --tls-cert, --tls-key and --tls-ca"};
  draft.config.tls = draft.tls;
}

void check_network(const Config& config) {
  const bool wanted = config.listen.has_value() || config.networking();
  if (wanted && !config.tls && !config.insecure_peers) {
    throw Mistake{
        "--listen, --peer: need --tls-cert, --tls-key and --tls-ca, or --insecure-peers, which asks for "
        "plaintext"};
  }
  std::vector<std::string> names{lower(config.node)};
  for (const Peer& peer : config.peers) {
    if (std::find(names.begin(), names.end(), lower(peer.name)) != names.end()) {
      throw Mistake{"--peer: '" + peer.name + "' is the name of another peer or of this node"};
    }
    names.push_back(lower(peer.name));
  }
}

}  // namespace

Config settle(Draft draft, const Surroundings& surroundings) {
  Config& config = draft.config;
  default_socket(config, surroundings);
  default_control(config);
  if (config.control_path == config.socket_path) throw Mistake{"--control: is the same path as --socket"};
  default_state(config, surroundings);
  default_node(config, surroundings);
  settle_tls(draft);
  check_network(config);
  return config;
}

}  // namespace netmsg::daemon
