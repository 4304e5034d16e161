// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/usage.h"

#include <filesystem>
#include <fstream>
#include <string>

namespace netmsg::bench {

namespace {

std::string folder_of(pid_t process) {
  return "/proc/" + std::to_string(process);
}

// The number after `key` in a file of lines "key: number ..."; 0 without one.
double number_in(const std::string& file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.compare(0, key.size(), key) == 0) return std::stod(line.substr(key.size() + 1));
  return 0;
}

Usage usage_in(const std::filesystem::path& thread) {
  double ran_ns = 0;
  std::ifstream(thread / "schedstat") >> ran_ns;
  return {ran_ns / 1000, number_in(thread / "status", "voluntary_ctxt_switches")};
}

}  // namespace

Usage usage_of(pid_t process) {
  Usage sum;
  std::error_code gone;
  const std::filesystem::directory_iterator threads(folder_of(process) + "/task", gone);
  if (gone) return sum;
  for (const auto& thread : threads) sum += usage_in(thread.path());
  return sum;
}

Usage usage_of_leader(pid_t process) {
  return usage_in(folder_of(process));
}

Memory memory_of(pid_t process) {
  const std::string status = folder_of(process) + "/status";
  const auto bytes = [&](const char* key) {
    return static_cast<std::uint64_t>(number_in(status, key)) * 1024;
  };
  return {bytes("RssAnon"), bytes("RssShmem")};
}

}  // namespace netmsg::bench
