// SPDX-License-Identifier: Apache-2.0
#include "daemon/base/log.h"

#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>

namespace netmsg::base {
namespace {

std::atomic<std::uint64_t> dropped{0};

// Writes a line only if the descriptor takes it at once. Up to PIPE_BUF bytes a pipe that polls writable does
// not block, which is why longer lines are cut.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const std::size_t length = std::min(line.size(), kLineMax);
    line[length - 1] = '\n';
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    const bool writable = ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
    if (!writable || ::write(STDERR_FILENO, line.data(), length) < 0) ++dropped;
  }
  void flush_() override {}

 private:
  static constexpr std::size_t kLineMax = 4096;
};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> only = [] {
    auto made = std::make_shared<spdlog::logger>("netmsgd", std::make_shared<StderrSink>());
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%fZ %l %v",
                                                                    spdlog::pattern_time_type::utc));
    made->set_error_handler([](const std::string&) { ++dropped; });
    return made;
  }();
  return *only;
}

struct LevelWord {
  std::string_view word;
  LogLevel level;
  spdlog::level::level_enum theirs;
};
constexpr std::array kLevels{
    LevelWord{"debug", LogLevel::kDebug, spdlog::level::debug},
    LevelWord{"info", LogLevel::kInfo, spdlog::level::info},
    LevelWord{"warn", LogLevel::kWarn, spdlog::level::warn},
    LevelWord{"error", LogLevel::kError, spdlog::level::err},
    LevelWord{"off", LogLevel::kOff, spdlog::level::off},
};

spdlog::level::level_enum translate(LogLevel level) {
  return kLevels[static_cast<std::size_t>(level)].theirs;
}

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-_./:@+,*%#[]()").find(c) != std::string_view::npos;
}

void append_escaped(std::string& out, char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += {'\\', c};
  } else if (c == '\n') {
    out += "\\n";
  } else if (byte < 0x20 || byte >= 0x7f) {
    out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  } else {
    out += c;
  }
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) {
  for (const LevelWord& known : kLevels) {
    if (known.word == word) return known.level;
  }
  return std::nullopt;
}

void set_log_level(LogLevel least) {
  logger().set_level(translate(least));
}

std::string log_quoted(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) append_escaped(out, c);
  return out + '"';
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!logger().should_log(translate(level))) return;
  std::string line(event);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += log_quoted(field.value);
  }
  logger().log(translate(level), spdlog::string_view_t(line));
}

std::uint64_t log_lines_dropped() {
  return dropped;
}

bool Complaints::warn(std::string_view subject, std::string_view event, std::string_view reason) {
  Subject& about = find(subject);
  if (clock_.now() < about.quiet_until) {
    ++about.unsaid;
    return false;
  }
  log(LogLevel::kWarn, event, {{"subject", subject}, {"reason", reason}, {"unsaid", about.unsaid}});
  about = Subject{clock_.now() + pause_, 0};
  return true;
}

Complaints::Subject& Complaints::find(std::string_view subject) {
  const auto known = subjects_.find(subject);
  if (known != subjects_.end()) return known->second;
  if (subjects_.size() >= kSubjectsMax) forget_quiet();
  if (subjects_.size() >= kSubjectsMax) subject = "others";
  return subjects_[std::string(subject)];
}

void Complaints::forget_quiet() {
  const Instant now = clock_.now();
  std::erase_if(subjects_, [now](const auto& entry) { return entry.second.quiet_until <= now; });
}

}  // namespace netmsg::base
