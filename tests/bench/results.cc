// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/results.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

namespace netmsg::bench {

namespace {

template <typename... Values>
std::string text(const char* format, Values... values) {
  char line[512];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

template <typename Member>
std::vector<double> all(const std::vector<Figure>& figures, Member member) {
  std::vector<double> values;
  for (const Figure& figure : figures) values.push_back(figure.*member);
  return values;
}

// Three digits, and thousands as k and M.
std::string number(double value) {
  if (value >= 1e6) return text("%.2f M", value / 1e6);
  if (value >= 1e4) return text("%.0f k", value / 1e3);
  if (value >= 100) return text("%.0f", value);
  return text("%.2f", value);
}

std::string line_of(const Row& row) {
  const std::string head = text("%-34s %-5s ", row.name.c_str(), name_of(row.placement));
  if (!row.not_offered.empty()) return head + "not offered: " + row.not_offered + "\n";
  const std::string ratio = row.ratios.empty() ? "-" : text("%.2f", row.ratio());
  const std::string p99 = row.p99() > 0 ? number(row.p99()) : "-";
  const std::string cpu = row.cpu_us() > 0 ? text("%.2f", row.cpu_us()) : "-";
  return head + text("%10s %-6s %8s %10s %7.0f%% %9s %8.2f\n", number(row.value()).c_str(), name_of(row.unit),
                     ratio.c_str(), p99.c_str(), row.spread() * 100, cpu.c_str(), row.switches());
}

std::string quoted(const std::string& words) {
  std::string out = "\"";
  for (const char c : words) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + "\"";
}

std::string json_of(const Row& row) {
  std::string out = "    {\"case\": " + quoted(row.name) +
                    ", \"placement\": " + quoted(name_of(row.placement)) +
                    ", \"unit\": " + quoted(name_of(row.unit));
  if (!row.not_offered.empty()) return out + ", \"not_offered\": " + quoted(row.not_offered) + "}";
  out += text(", \"value\": %.6g, \"ratio\": %.6g, \"p99_us\": %.6g", row.value(), row.ratio(), row.p99());
  out += text(", \"cpu_us\": %.6g, \"switches\": %.6g, \"spread\": %.6g", row.cpu_us(), row.switches(),
              row.spread());
  out += ", \"rounds\": [";
  for (std::size_t at = 0; at < row.figures.size(); ++at)
    out += text("%s%.6g", at > 0 ? ", " : "", row.figures[at].value);
  return out + "]}";
}

std::string first_after(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.compare(0, key.size(), key) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

double Row::value() const {
  return median(all(figures, &Figure::value));
}
double Row::ratio() const {
  return median(ratios);
}
double Row::p99() const {
  return median(all(figures, &Figure::p99));
}
double Row::cpu_us() const {
  return median(all(figures, &Figure::cpu_us));
}
double Row::switches() const {
  return median(all(figures, &Figure::switches));
}
double Row::spread() const {
  const std::vector<double> values = all(figures, &Figure::value);
  if (values.empty() || value() == 0) return 0;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return (*most - *least) / value();
}

const Row* find(const Rows& rows, const std::string& name, Placement placement) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row.name == name && row.placement == placement && !row.figures.empty();
  });
  return found != rows.end() ? &*found : nullptr;
}

Machine this_machine(const std::string& network) {
  utsname system{};
  ::uname(&system);
  double load = 0;
  ::getloadavg(&load, 1);
  return {first_after("/proc/cpuinfo", "model name"), system.release, std::thread::hardware_concurrency(),
          load, network};
}

std::string table_of(const Rows& rows) {
  std::string out = text("%-34s %-5s %10s %-6s %8s %10s %8s %9s %8s\n", "case", "place", "median", "unit",
                         "ratio", "p99 us", "spread", "CPU us", "waits");
  for (const Row& row : rows) out += line_of(row);
  return out;
}

std::string lines_of(const Rows& rows) {
  std::string out;
  for (const Row& row : rows) {
    if (row.figures.empty()) continue;
    const std::string unit = name_of(row.unit);
    out += text("%s %s %.6g %.6g %s\n", row.name.c_str(), name_of(row.placement), row.value(), row.ratio(),
                unit.empty() ? "-" : unit.c_str());
  }
  return out;
}

std::string json_of(const Rows& rows, const Machine& machine) {
  std::string out =
      "{\n  \"machine\": {\"processor\": " + quoted(machine.processor) +
      ", \"kernel\": " + quoted(machine.kernel) + ", \"between_hosts\": " + quoted(machine.network) +
      text(", \"processors\": %u, \"load\": %.2f},\n  \"rows\": [\n", machine.processors, machine.load);
  for (std::size_t at = 0; at < rows.size(); ++at)
    out += json_of(rows[at]) + (at + 1 < rows.size() ? ",\n" : "\n");
  return out + "  ]";
}

}  // namespace netmsg::bench
