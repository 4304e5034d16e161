// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/listen_socket.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace netmsg::session {

namespace {

constexpr int kBacklog = 1024;

std::string with_errno(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// The last directory only: whoever configures a path further away makes the rest of it. Who may not use the
// socket need not see it either.
std::string make_directory(const std::string& path, mode_t socket_mode) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  const std::string directory = path.substr(0, slash);
  const mode_t mode = (socket_mode & 0077) != 0 ? 0755 : 0700;
  if (::mkdir(directory.c_str(), mode) == 0 || errno == EEXIST) return {};
  return with_errno("cannot make " + directory);
}

std::variant<base::UniqueFd, std::string> take_lock(const std::string& path) {
  const std::string name = path + ".lock";
  base::UniqueFd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return with_errno("cannot open " + name);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return "another daemon serves on " + path;
  return with_errno("cannot lock " + name);
}

// Somebody may serve there who knows nothing of the lock.
bool somebody_answers(const sockaddr_un& address) {
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return probe && (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN);
}

std::string clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? "" : with_errno("cannot look at " + path);
  if (!S_ISSOCK(status.st_mode)) return path + " exists and is not a socket";
  if (somebody_answers(address)) return "another program serves on " + path;
  return ::unlink(path.c_str()) == 0 ? "" : with_errno("cannot remove " + path);
}

std::optional<gid_t> group_id(const std::string& group) {
  std::vector<char> strings(16384);
  ::group entry{};
  ::group* found = nullptr;
  if (::getgrnam_r(group.c_str(), &entry, strings.data(), strings.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->gr_gid;
}

// Nobody gets in before the owner is right: the socket is
// made without permissions for others, and listens last.
std::string open_to(const std::string& path, mode_t mode, const std::string& group) {
  if (!group.empty()) {
    const std::optional<gid_t> gid = group_id(group);
    if (!gid) return "there is no group " + group;
    if (::chown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0)
      return with_errno("cannot give " + path + " to group " + group);
  }
  return ::chmod(path.c_str(), mode) == 0 ? "" : with_errno("cannot set the mode of " + path);
}

std::string bind_to(int fd, const std::string& path, const sockaddr_un& address) {
  const mode_t before = ::umask(0177);
  const int result = ::bind(fd, generic(address), sizeof address);
  const int error = errno;
  ::umask(before);
  errno = error;
  return result == 0 ? "" : with_errno("cannot bind to " + path);
}

}  // namespace

std::variant<ListenSocket, std::string> ListenSocket::open(const std::string& path, mode_t mode,
                                                           const std::string& group) {
  const std::optional<sockaddr_un> address = address_of(path);
  if (!address) return "a socket path has 1 to 107 bytes: " + path;
  if (std::string error = make_directory(path, mode); !error.empty()) return error;
  auto lock = take_lock(path);
  if (auto* error = std::get_if<std::string>(&lock)) return *error;
  if (std::string error = clear_path(path, *address); !error.empty()) return error;
  base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return with_errno("cannot make a socket");
  if (std::string error = bind_to(socket.get(), path, *address); !error.empty()) return error;
  ListenSocket made(path, std::move(std::get<base::UniqueFd>(lock)), std::move(socket));
  if (std::string error = open_to(path, mode, group); !error.empty()) return error;
  if (::listen(made.fd(), kBacklog) != 0) return with_errno("cannot listen on " + path);
  return made;
}

ListenSocket::~ListenSocket() {
  if (socket_) ::unlink(path_.c_str());
}

}  // namespace netmsg::session
