// SPDX-License-Identifier: Apache-2.0
// The values of settings, from text: each function reads one kind, checks its range, and returns what is
// wrong with the text in words, empty if nothing is; then, and only then, `out` has changed. Pure.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config.h"

namespace netmsg::daemon {

// Why a name will not do, for messages about it.
extern const char* const kNodeNameRule;
bool is_node_name(const std::string& text);
std::string lower(std::string text);

template <typename Number>
std::string read_number(const std::string& text, Number least, Number most, Number& out) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
    out = value;
    return {};
  }
  return "'" + text + "' is no number from " + std::to_string(least) + " to " + std::to_string(most);
}

std::string read_text(const std::string& text, std::string& out);
std::string read_socket_path(const std::string& text, std::string& out);
std::string read_node(const std::string& text, std::string& out);
std::string read_listen(const std::string& text, std::optional<Endpoint>& out);
// Appends: the setting is repeatable.
std::string read_peer(const std::string& text, std::vector<Peer>& out);
std::string read_log_level(const std::string& text, base::LogLevel& out);
std::string read_flag(const std::string& text, bool& out);
std::string read_milliseconds(const std::string& text, std::uint32_t most, std::chrono::milliseconds& out);

}  // namespace netmsg::daemon
