// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_values.h"

#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace netmsg::daemon {

static constexpr std::size_t kNameMax = 79;  // spec 08 §2
static constexpr std::size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

static bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
}

// "0x..." is an address in the historic form (spec 08 §5) and can name nobody.
bool is_node_name(const std::string& text) {
  return !text.empty() && text.size() <= kNameMax && std::all_of(text.begin(), text.end(), is_name_char) &&
         std::isalnum(static_cast<unsigned char>(text.front())) != 0 && lower(text).rfind("0x", 0) != 0;
}

const char* const kNodeNameRule =
    "a name has 1 to 79 letters, digits, '.', '-' or '_', starts with a letter or digit, and not with 0x";

std::string read_text(const std::string& text, std::string& out) {
  if (text.empty() || text.find('\0') != std::string::npos) return "must not be empty";
  out = text;
  return {};
}

std::string read_socket_path(const std::string& text, std::string& out) {
  if (text.size() > kSocketPathMax) {
    return "a socket's path has at most " + std::to_string(kSocketPathMax) + " bytes";
  }
  return read_text(text, out);
}

std::string read_node(const std::string& text, std::string& out) {
  if (!is_node_name(text)) return "'" + text + "': " + kNodeNameRule;
  out = text;
  return {};
}

static bool is_host_char(char c) {
  return is_name_char(c) || c == ':' || c == '%';
}

static bool is_host(const std::string& host, bool bracketed) {
  return !host.empty() && std::all_of(host.begin(), host.end(), is_host_char) &&
         (host.find(':') != std::string::npos) == bracketed;
}

static std::string read_endpoint(const std::string& text, std::uint16_t least_port, Endpoint& out) {
  std::string wrong = "'" + text + "' is no ADDR:PORT (IPv6 addresses are written in brackets)";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong;
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!is_host(host, bracketed)) return wrong;
  std::uint16_t port = 0;
  const std::string problem = read_number<std::uint16_t>(text.substr(colon + 1), least_port, 65535, port);
  if (problem.empty()) out = Endpoint{host, port};
  return problem.empty() ? problem : "port " + problem;
}

std::string read_listen(const std::string& text, std::optional<Endpoint>& out) {
  Endpoint endpoint;
  std::string problem = read_endpoint(text, 0, endpoint);
  if (problem.empty()) out = endpoint;
  return problem;
}

std::string read_peer(const std::string& text, std::vector<Peer>& out) {
  const std::size_t equals = text.find('=');
  Peer peer;
  std::string problem = read_node(text.substr(0, equals), peer.name);
  if (problem.empty() && equals != std::string::npos) {
    problem = read_endpoint(text.substr(equals + 1), 1, peer.address.emplace());
  }
  if (problem.empty()) out.push_back(peer);
  return problem;
}

std::string read_log_level(const std::string& text, base::LogLevel& out) {
  const auto level = base::parse_log_level(text);
  if (!level) return "'" + text + "' is none of debug, info, warn, error, off";
  out = *level;
  return {};
}

std::string read_flag(const std::string& text, bool& out) {
  if (text != "true" && text != "false") return "'" + text + "' is neither true nor false";
  out = text == "true";
  return {};
}

std::string read_milliseconds(const std::string& text, std::uint32_t most, std::chrono::milliseconds& out) {
  std::uint32_t value = 0;
  std::string problem = read_number<std::uint32_t>(text, 1, most, value);
  if (problem.empty()) out = std::chrono::milliseconds(value);
  return problem;
}

}  // namespace netmsg::daemon
