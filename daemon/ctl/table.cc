// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/table.h"

#include <mach/port.h>

#include <algorithm>

namespace netmsg::ctl {
namespace {

std::string visible(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      '.');
  return text;
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, text.size()), ' ');
  return right ? space + text : text + space;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  std::transform(cells.begin(), cells.end(), cells.begin(), visible);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = std::string(columns_[i].title).size();
    for (const auto& row : rows_) width = std::max(width, row[i].size());
    widths.push_back(width);
  }
  return widths;
}

std::string Table::text() const {
  const std::vector<std::size_t> width = widths();
  std::string out;
  std::string line;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    line += padded(columns_[i].title, width[i], columns_[i].number) + "  ";
  out += trimmed(line);
  for (const auto& row : rows_) {
    line.clear();
    for (std::size_t i = 0; i < columns_.size(); ++i)
      line += padded(row[i], width[i], columns_[i].number) + "  ";
    out += trimmed(line);
  }
  return out;
}

std::string line(const char* title, const std::string& value) {
  return padded(title, 13, false) + visible(value) + "\n";
}

std::string duration_text(std::uint64_t ms) {
  struct Unit {
    const char* name;
    std::uint64_t ms;
  };
  constexpr Unit kUnits[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
  if (ms < 1000) return std::to_string(ms) + "ms";
  std::string text;
  int shown = 0;
  for (const Unit& unit : kUnits) {
    const std::uint64_t count = ms / unit.ms;
    ms %= unit.ms;
    if (shown == 0 && count == 0) continue;
    text += (shown == 0 ? "" : " ") + std::to_string(count) + unit.name;
    if (++shown == 2) break;
  }
  return text;
}

std::string type_text(std::uint32_t type) {
  struct Word {
    std::uint32_t bit;
    const char* word;
  };
  constexpr Word kWords[] = {{MACH_PORT_TYPE_RECEIVE, "receive"},
                             {MACH_PORT_TYPE_SEND, "send"},
                             {MACH_PORT_TYPE_SEND_ONCE, "send-once"},
                             {MACH_PORT_TYPE_PORT_SET, "port-set"},
                             {MACH_PORT_TYPE_DEAD_NAME, "dead-name"},
                             {MACH_PORT_TYPE_DNREQUEST, "+dead-name-request"},
                             {MACH_PORT_TYPE_MAREQUEST, "+accepted-request"}};
  std::string text;
  for (const Word& word : kWords) {
    if ((type & word.bit) != 0) text += (text.empty() ? "" : " ") + std::string(word.word);
  }
  return text;
}

}  // namespace netmsg::ctl
