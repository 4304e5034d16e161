// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

#include "daemon/base/check.h"

namespace netmsg::daemon {
namespace {

constexpr std::size_t kNodeIdDigits = 32;
constexpr std::string_view kHexDigits = "0123456789abcdef";

StateError failed(const std::string& path, const char* what) {
  return StateError{path + ": " + what + ": " + std::generic_category().message(errno)};
}

bool write_whole(int fd, const std::string& text) {
  return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
}

}  // namespace

bool is_node_id(const std::string& text) {
  return text.size() == kNodeIdDigits && text.find_first_not_of(kHexDigits) == std::string::npos;
}

std::string random_node_id() {
  std::array<unsigned char, kNodeIdDigits / 2> bits{};
  NETMSG_CHECK(::getrandom(bits.data(), bits.size(), 0) == static_cast<ssize_t>(bits.size()));
  std::string digits;
  for (const unsigned char byte : bits) digits += {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  return digits;
}

StateResult<StateDir> StateDir::open(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) return StateError{path + ": cannot be made: " + error.message()};
  if (made) ::chmod(path.c_str(), 0700);
  base::UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return failed(path, "cannot be opened");
  base::UniqueFd lock(::openat(directory.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return failed(path + "/lock", "cannot be opened");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return StateError{path + ": another netmsgd uses this state directory (see --state)"};
    return failed(path + "/lock", "cannot be locked");
  }
  return StateDir(path, std::move(directory), std::move(lock));
}

StateResult<std::uint64_t> StateDir::next_incarnation(std::uint64_t wall_clock_ms) {
  auto loaded = load("incarnation");
  if (auto* error = std::get_if<StateError>(&loaded)) return *error;
  const std::string& text = std::get<std::string>(loaded);
  std::uint64_t last = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), last);
  const bool number = text.empty() || (error == std::errc() && end == text.data() + text.size());
  if (!number || last == std::numeric_limits<std::uint64_t>::max()) {
    return StateError{path_ + "/incarnation: holds no incarnation"};
  }
  const std::uint64_t next = std::max(last + 1, wall_clock_ms);
  auto stored = store("incarnation", std::to_string(next));
  if (auto* problem = std::get_if<StateError>(&stored)) return *problem;
  return next;
}

StateResult<std::string> StateDir::node_id(const std::string& fresh) {
  NETMSG_CHECK(is_node_id(fresh));
  auto loaded = load("node");
  if (std::holds_alternative<StateError>(loaded)) return loaded;
  const std::string& text = std::get<std::string>(loaded);
  if (text.empty()) return store("node", fresh);
  if (!is_node_id(text)) return StateError{path_ + "/node: holds no node id (32 hexadecimal digits)"};
  return text;
}

StateResult<std::string> StateDir::load(const char* file) const {
  const base::UniqueFd fd(::openat(directory_.get(), file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return std::string();
  std::array<char, 64> text{};  // longer than anything that is stored
  const ssize_t length = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (length < 0) return failed(path_ + "/" + file, "cannot be read");
  if (length == 0) return StateError{path_ + "/" + file + ": is empty"};
  const std::string_view all(text.data(), static_cast<std::size_t>(length));
  return std::string(all.substr(0, all.find('\n')));
}

StateResult<std::string> StateDir::store(const char* file, const std::string& text) {
  const std::string fresh = std::string(file) + ".new";
  const base::UniqueFd fd(
      ::openat(directory_.get(), fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || !write_whole(fd.get(), text + "\n")) return failed(path_ + "/" + fresh, "cannot be written");
  if (::renameat(directory_.get(), fresh.c_str(), directory_.get(), file) != 0 ||
      ::fsync(directory_.get()) != 0) {
    return failed(path_ + "/" + file, "cannot be replaced");
  }
  return text;
}

}  // namespace netmsg::daemon
