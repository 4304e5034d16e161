// SPDX-License-Identifier: Apache-2.0
// A table of text for people: columns as wide as their widest cell, numbers to the right. What stands in a
// cell may come from a program: control characters are shown as dots.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace netmsg::ctl {

class Table {
 public:
  struct Column {
    const char* title;
    bool number = false;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);
  // With the titles; each line ends with a newline.
  std::string text() const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// A line of facts about one thing: a title and its value.
std::string line(const char* title, const std::string& value);
// "1d 2h", "3m 4s", "250ms": two units at most.
std::string duration_text(std::uint64_t ms);
// "send receive", "dead-name", ...: MACH_PORT_TYPE_ bits in words.
std::string type_text(std::uint32_t type);

}  // namespace netmsg::ctl
