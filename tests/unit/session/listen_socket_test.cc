// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/listen_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace netmsg::session {
namespace {

class ListenSockets : public ::testing::Test {
 protected:
  test::TemporaryFolder folder;
  std::string directory = folder.path();
  std::string path = directory + "/sub/socket";

  static std::string error_of(const std::variant<ListenSocket, std::string>& opened) {
    const auto* error = std::get_if<std::string>(&opened);
    return error == nullptr ? "" : *error;
  }
  mode_t mode_of(const std::string& file) {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0);
    return status.st_mode & 0777;
  }
  // A socket file that nobody serves.
  void leave_stale_socket() {
    std::filesystem::create_directory(directory + "/sub");
    const base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bind_there(socket.get());
  }
  void bind_there(int fd) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
};

TEST_F(ListenSockets, AreMadeWithTheirDirectoryAndMode) {
  const auto opened = ListenSocket::open(path, 0660, "");
  ASSERT_EQ(error_of(opened), "");
  EXPECT_EQ(mode_of(path), 0660U);
  EXPECT_EQ(mode_of(directory + "/sub"), 0755U);
}

TEST_F(ListenSockets, OfAUserAreInADirectoryOfTheUser) {
  const auto opened = ListenSocket::open(path, 0600, "");
  ASSERT_EQ(error_of(opened), "");
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(mode_of(directory + "/sub"), 0700U);
}

TEST_F(ListenSockets, AreGoneWithTheirOwner) {
  { const auto opened = ListenSocket::open(path, 0600, ""); }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ListenSockets, RefuseASecondDaemon) {
  const auto first = ListenSocket::open(path, 0600, "");
  EXPECT_EQ(error_of(ListenSocket::open(path, 0600, "")), "another daemon serves on " + path);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenSockets, ReplaceAStaleOne) {
  leave_stale_socket();
  EXPECT_EQ(error_of(ListenSocket::open(path, 0600, "")), "");
}

TEST_F(ListenSockets, LeaveAStrangersAlone) {
  std::filesystem::create_directory(directory + "/sub");
  const base::UniqueFd stranger(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bind_there(stranger.get());
  ASSERT_EQ(::listen(stranger.get(), 1), 0);
  EXPECT_EQ(error_of(ListenSocket::open(path, 0600, "")), "another program serves on " + path);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenSockets, LeaveAFileAlone) {
  std::filesystem::create_directory(directory + "/sub");
  std::ofstream(path) << "precious";
  EXPECT_EQ(error_of(ListenSocket::open(path, 0600, "")), path + " exists and is not a socket");
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
}

TEST_F(ListenSockets, RefuseAGroupThatDoesNotExist) {
  EXPECT_EQ(error_of(ListenSocket::open(path, 0660, "no-such-group-here")),
            "there is no group no-such-group-here");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ListenSockets, RefuseAPathThatDoesNotFit) {
  EXPECT_NE(error_of(ListenSocket::open(directory + "/" + std::string(108, 'x'), 0600, "")), "");
  EXPECT_NE(error_of(ListenSocket::open("", 0600, "")), "");
}

}  // namespace
}  // namespace netmsg::session
