// SPDX-License-Identifier: Apache-2.0
// Log lines: an event's name and fields, one line each on standard error:
//
//   2026-11-22T08:05:39.123456Z info listening socket=/run/netmsgd/socket mode=0660
//
// A value with anything but plain characters in it is quoted and escaped, so that what a client or a peer
// wrote can neither end a line nor reach a terminal. A line that cannot be written at once (full pipe, full
// disk, gone) is dropped and counted: logging never holds up serving (spec 09 §6). Any thread may log.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "daemon/base/clock.h"

namespace netmsg::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

// "debug", "info", "warn", "error", "off"; nothing for another word.
std::optional<LogLevel> parse_log_level(std::string_view word);

// What is less severe is not written from now on; kInfo until said otherwise.
void set_log_level(LogLevel least);

struct LogField {
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  LogField(std::string_view name, Number number) : key(name), value(std::to_string(number)) {}

  std::string_view key;
  std::string value;
};

// `event` is a word of ours (snake_case).
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// Lines that could not be written since the start.
std::uint64_t log_lines_dropped();

// `text` as it appears in a line: unchanged if it is plain, else in quotes with \" \\ \n and \xNN.
std::string log_quoted(std::string_view text);

// One line for each subject in a while: for complaints about clients and peers, which
// could otherwise fill the log. The first one is written, those that follow within
// the pause are counted, and the next line says how many they were. Remembers a
// bounded number of subjects; beyond that new ones share one. One thread at a time.
class Complaints {
 public:
  static constexpr std::size_t kSubjectsMax = 1024;

  Complaints(const Clock& clock, std::chrono::seconds pause) : clock_(clock), pause_(pause) {}

  // Returns whether a line was written (if the level lets it).
  bool warn(std::string_view subject, std::string_view event, std::string_view reason);

 private:
  struct Subject {
    Instant quiet_until{};
    std::uint64_t unsaid = 0;
  };
  Subject& find(std::string_view subject);
  void forget_quiet();

  const Clock& clock_;
  std::chrono::seconds pause_;
  std::map<std::string, Subject, std::less<>> subjects_;
};

}  // namespace netmsg::base
