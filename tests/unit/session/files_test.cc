// SPDX-License-Identifier: Apache-2.0
// Memory in files (proto/local/frame.h, "Out-of-line memory") from clients that speak the frames by hand: what
// arrives can no longer be changed, and whoever sends anything else hurts only itself. 02.13, 09.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mach/message.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/session/sealed_file.h"
#include "tests/support/process.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/session/raw_client.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {
namespace {

using local::Kind;
using session::FileCloser;
using session::FileCount;
using session::SealedFile;

constexpr std::uint64_t kSize = 128U << 10;
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
constexpr auto kFile = static_cast<std::uint16_t>(local::RegionForm::kFile);

base::UniqueFd memory_file(std::uint64_t size, int seals) {
  base::UniqueFd file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(size)), 0);
  EXPECT_EQ(::pwrite(file.get(), "first", 5, 0), 5);
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

base::UniqueFd opened(const std::string& path, int flags) {
  return base::UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

base::UniqueFd reopened(const base::UniqueFd& file, int flags) {
  return opened("/proc/self/fd/" + std::to_string(file.get()), flags);
}

void append(Frame& bytes, const void* from, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(from);
  bytes.insert(bytes.end(), begin, begin + size);
}

// A MachMsg that sends `port`'s own holder a message with the regions out of line.
Frame message_with(std::uint32_t port, const std::vector<local::SentRegion>& regions,
                   unsigned type = MACH_MSG_TYPE_CHAR, unsigned bits = 8) {
  Frame body;
  const auto size = static_cast<std::uint32_t>(sizeof(mach_msg_header_t) + regions.size() * 16);
  const local::MachMsg request{MACH_SEND_MSG | MACH_SEND_TIMEOUT,          size, 0, 0, 0, 0,
                               static_cast<std::uint32_t>(regions.size()), 0};
  mach_msg_header_t head{};
  head.msgh_bits = MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
  head.msgh_remote_port = port;
  append(body, &request, sizeof request);
  append(body, &head, sizeof head);
  for (const local::SentRegion& region : regions) {
    mach_msg_type_t item{};
    item.msgt_name = type & 0xFFU;
    item.msgt_size = bits & 0xFFFFU;
    item.msgt_number = static_cast<mach_msg_type_number_t>(region.length * 8 / bits);
    const std::uint64_t address = 0x10000 + region.offset;
    append(body, &item, sizeof item);
    append(body, &address, sizeof address);
  }
  for (const local::SentRegion& region : regions) append(body, &region, sizeof region);
  Frame whole = bare_frame(Kind::kMachMsg, 5, static_cast<std::uint32_t>(body.size()));
  append(whole, body.data(), body.size());
  return whole;
}

Frame receive_frame_for(std::uint32_t port) {
  return frame(Kind::kMachMsg, 6, local::MachMsg{MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, 4096, port, 0, 0, 0, 0});
}

class Files : public testing::Test {
 protected:
  ~Files() override { EXPECT_TRUE(files_become(0)); }

  std::uint32_t new_port(RawClient& client) {
    return client.call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE)->outs[0];
  }
  // The code with which the daemon answers; nothing if it ends the client instead.
  std::optional<std::uint32_t> send(RawClient& client, const std::vector<local::SentRegion>& regions,
                                    const std::vector<int>& fds, unsigned type = MACH_MSG_TYPE_CHAR,
                                    unsigned bits = 8) {
    const Frame bytes = message_with(new_port(client), regions, type, bits);
    fds.empty() ? client.lane().send(bytes) : client.lane().send(bytes, fds);
    const auto done = client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone);
    return done ? std::optional(done->code) : std::nullopt;
  }
  void expect_end(const std::string& what, const std::vector<local::SentRegion>& regions,
                  const std::vector<int>& fds) {
    SCOPED_TRACE(what);
    RawClient offender(daemon.path());
    EXPECT_FALSE(send(offender, regions, fds));
    EXPECT_TRUE(offender.main().ends());
    EXPECT_TRUE(bystander.is_served());
  }
  bool files_become(std::uint32_t count) { return daemon.files_become(count); }

  TestDaemon daemon;
  RawClient bystander{daemon.path()};
};

// Takes a message with one file from the lane; the file.
base::UniqueFd receive_file(RawConnection& lane, local::ReceivedRegion* region) {
  std::vector<char> bytes(1024);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(lane.fd(), &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  if (got < static_cast<ssize_t>(sizeof *region) || rights == nullptr) return {};
  std::memcpy(region, bytes.data() + got - sizeof *region, sizeof *region);
  int fd;
  std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  return base::UniqueFd(fd);
}

TEST_F(Files, ArriveSealedAndAreLetGoOf) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  const auto file = memory_file(kSize + 5, kSeals);
  client.lane().send(message_with(port, {{kSize, kFile, 5, 0}}), {file.get()});
  ASSERT_EQ(client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone)->code, 0U);
  EXPECT_TRUE(files_become(1));
  client.lane().send(receive_frame_for(port));
  local::ReceivedRegion region{};
  const auto received = receive_file(client.lane(), &region);
  EXPECT_EQ(region.length, kSize);
  EXPECT_EQ(region.form, kFile);
  EXPECT_EQ(region.offset, 5U);
  struct stat ours {
  }, theirs{};
  ::fstat(file.get(), &ours);
  ::fstat(received.get(), &theirs);
  EXPECT_EQ(ours.st_ino, theirs.st_ino) << "nobody has copied it";
  EXPECT_TRUE(client.is_served());
}

// A sender that keeps its descriptor, or a private view, can do nothing with them any more.
TEST_F(Files, CannotBeChangedByWhoKeepsADescriptor) {
  RawClient client(daemon.path());
  const auto file = memory_file(kSize, 0);
  void* const view = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, kSeals), 0);
  ASSERT_EQ(send(client, {{kSize, kFile, 0, 0}}, {file.get()}), MACH_MSG_SUCCESS);
  std::memset(view, 'x', kSize);
  EXPECT_LT(::pwrite(file.get(), "x", 1, 0), 0);
  EXPECT_NE(::ftruncate(file.get(), 0), 0);
  EXPECT_NE(::ftruncate(file.get(), kSize * 2), 0);
  EXPECT_NE(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_EQ(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0), MAP_FAILED);
  char bytes[5];
  ASSERT_EQ(::pread(file.get(), bytes, 5, 0), 5);
  EXPECT_EQ(std::string(bytes, 5), "first");
  ::munmap(view, kSize);
}

// Who keeps a view that can be written gets no seal, and without it the file is refused.
TEST_F(Files, CannotBeSealedByWhoKeepsAWritableView) {
  const auto file = memory_file(kSize, F_SEAL_SHRINK | F_SEAL_GROW);
  void* const view = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  EXPECT_NE(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  expect_end("a writable view", {{kSize, kFile, 0, 0}}, {file.get()});
  ::munmap(view, kSize);
}

TEST_F(Files, OfAnyOtherKindEndTheirSender) {
  const TemporaryFolder folder;
  int pipe_ends[2];
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const base::UniqueFd pipe_in(pipe_ends[0]), pipe_out(pipe_ends[1]);
  const auto sealed = memory_file(kSize, kSeals);
  const auto on_disk = opened(folder.path() + "/file", O_RDWR | O_CREAT);
  ASSERT_EQ(::ftruncate(on_disk.get(), kSize), 0);
  const std::vector<std::pair<const char*, base::UniqueFd>> kinds = [&] {
    std::vector<std::pair<const char*, base::UniqueFd>> all;
    all.emplace_back("no seals", memory_file(kSize, 0));
    all.emplace_back("only future writing sealed", memory_file(kSize, F_SEAL_FUTURE_WRITE));
    all.emplace_back("may shrink", memory_file(kSize, F_SEAL_WRITE | F_SEAL_GROW));
    all.emplace_back("may grow", memory_file(kSize, F_SEAL_WRITE | F_SEAL_SHRINK));
    all.emplace_back("too short", memory_file(kSize - 1, kSeals));
    all.emplace_back("too long", memory_file(kSize + 4096, kSeals));
    all.emplace_back("a pipe", base::UniqueFd(::dup(pipe_in.get())));
    all.emplace_back("a directory", opened("/", O_RDONLY | O_DIRECTORY));
    all.emplace_back("zeroes without end", opened("/dev/zero", O_RDWR));
    all.emplace_back("a path", opened("/", O_PATH));
    all.emplace_back("a file on disk", base::UniqueFd(::dup(on_disk.get())));
    all.emplace_back("the path of a sealed file", reopened(sealed, O_PATH));
    return all;
  }();
  for (const auto& [what, file] : kinds) expect_end(what, {{kSize, kFile, 0, 0}}, {file.get()});
}

TEST_F(Files, ThatDoNotFitTheirRegionsEndTheirSender) {
  const auto file = memory_file(kSize, kSeals);
  const int fd = file.get();
  const local::SentRegion good{kSize, kFile, 0, 0};
  expect_end("no descriptor", {good}, {});
  expect_end("a descriptor too few", {good, good}, {fd});
  expect_end("a descriptor too many", {good}, {fd, fd});
  expect_end("a descriptor without a region", {}, {fd});
  expect_end("no length", {{0, kFile, 0, 0}}, {fd});
  expect_end("all lengths", {{UINT64_MAX, kFile, 0, 0}}, {fd});
  expect_end("all lengths and more", {{UINT64_MAX, kFile, 4095, 0}}, {fd});
  expect_end("a page too far", {{kSize - 4096, kFile, 4096, 0}}, {fd});
  expect_end("an unknown form", {{kSize, 2, 0, 0}}, {fd});
  expect_end("the reserved field", {{kSize, kFile, 0, 1}}, {fd});
  expect_end("far too many descriptors", {good}, std::vector<int>(local::kFilesMax + 1, fd));
  expect_end("as many as the kernel takes", {good}, std::vector<int>(253, fd));
}

TEST_F(Files, WithAnyOtherFrameEndTheirSender) {
  const auto file = memory_file(kSize, kSeals);
  for (const bool on_main : {false, true}) {
    RawClient offender(daemon.path());
    const Frame call = frame(Kind::kPortCall, 1, local::PortCall{3204, 0, {MACH_PORT_RIGHT_RECEIVE}});
    on_main ? offender.main().send(bare_frame(Kind::kOpenLane, 0), {file.get()})
            : offender.lane().send(call, {file.get()});
    EXPECT_TRUE(daemon.tasks_become([](const auto& rows) { return rows.size() == 1; }));
  }
  EXPECT_TRUE(bystander.is_served());
}

TEST_F(Files, OfNamesAreNotReadable) {
  RawClient client(daemon.path());
  const auto file = memory_file(kSize, kSeals);
  EXPECT_EQ(send(client, {{kSize, kFile, 0, 0}}, {file.get()}, MACH_MSG_TYPE_COPY_SEND, 32),
            static_cast<std::uint32_t>(MACH_SEND_INVALID_MEMORY));
  EXPECT_TRUE(client.is_served());
}

TEST_F(Files, OfAFrameThatIsCutShortAreLetGoOf) {
  const auto file = memory_file(kSize, kSeals);
  RawClient client(daemon.path());
  Frame half = message_with(new_port(client), {{kSize, kFile, 0, 0}});
  half.resize(40);
  client.lane().send(half, {file.get()});
  EXPECT_TRUE(files_become(1));
  client.lane().close();
  EXPECT_TRUE(files_become(0));
}

TEST_F(Files, OfMessagesGoWithTheirPort) {
  const auto file = memory_file(kSize, kSeals);
  RawClient client(daemon.path());
  for (int at = 0; at < 3; ++at)
    ASSERT_EQ(send(client, {{kSize, kFile, 0, 0}}, {file.get()}), MACH_MSG_SUCCESS);
  EXPECT_TRUE(files_become(3));
  client.main().close();
  EXPECT_TRUE(files_become(0));
}

// An answer with descriptors is read before the next question.
TEST_F(Files, ThatNobodyReadsEndTheirReceiver) {
  const auto file = memory_file(kSize, kSeals);
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  client.lane().send(message_with(port, {{kSize, kFile, 0, 0}}), {file.get()});
  ASSERT_TRUE(client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone));
  client.lane().send(receive_frame_for(port));
  client.lane().send(frame(Kind::kPortCall, 7, local::PortCall{3204, 0, {MACH_PORT_RIGHT_RECEIVE}}));
  EXPECT_TRUE(daemon.tasks_become([](const auto& rows) { return rows.size() == 1; }));
}

TEST(FilesThatAreRead, AreReadOrFailButHaveNoZerosForWhatIsMissing) {
  base::UniqueFd file = memory_file(kSize, 0);
  const auto count = std::make_shared<FileCount>();
  FileCloser closer;
  const SealedFile sealed({closer, {::dup(file.get()), count, count}}, 1, kSize - 1);
  ipc::Bytes bytes(4);
  EXPECT_TRUE(sealed.read(0, bytes));
  EXPECT_EQ(std::memcmp(bytes.data(), "irst", 4), 0);
  EXPECT_EQ(::ftruncate(file.get(), 3), 0);  // as if the kernel could not bring it back
  EXPECT_FALSE(sealed.read(0, bytes));
}

// Memory is kept a while, so that it is not its sender or receiver who frees it; but not much of it.
class LingeringFiles : public testing::Test {
 protected:
  static constexpr FileCloser::Linger kLong = std::chrono::hours(1);

  void close_a_file(FileCloser& closer) {
    session::ClientFile file(closer, {memory_file(kSize, kSeals).release(), count, of_all});
    file.count_bytes(kSize);
  }
  bool all_closed() {
    return eventually([&] { return count->files == 0; });
  }

  const std::shared_ptr<FileCount> count = std::make_shared<FileCount>();
  const std::shared_ptr<FileCount> of_all = std::make_shared<FileCount>();
};

TEST_F(LingeringFiles, AreCountedUntilTheyAreClosed) {
  std::optional<FileCloser> closer(std::in_place, kSize, kLong);
  close_a_file(*closer);
  EXPECT_EQ(count->files, 1U);
  EXPECT_EQ(count->bytes, kSize);
  closer.reset();
  EXPECT_TRUE(all_closed());
}

TEST_F(LingeringFiles, AreClosedWhenTheTimeIsOver) {
  FileCloser closer(kSize, std::chrono::milliseconds(1));
  close_a_file(closer);
  EXPECT_TRUE(all_closed());
}

TEST_F(LingeringFiles, DoNotExistAboveALimitOfBytes) {
  FileCloser closer(kSize - 1, kLong);
  close_a_file(closer);
  EXPECT_TRUE(all_closed());
}

TEST_F(LingeringFiles, DoNotExistAboveALimitOfFiles) {
  count->files = FileCloser::kLingerFilesMax;
  FileCloser closer(kSize, kLong);
  close_a_file(closer);
  EXPECT_TRUE(eventually([&] { return count->files == FileCloser::kLingerFilesMax; }));
}

TEST(FileLimits, AreAnsweredWithNoBufferAndNothingIsTaken) {
  session::UserLimits limits;
  limits.file_bytes = 2 * kSize;
  limits.files = 3;
  TestDaemon daemon(limits);
  const auto file = memory_file(kSize, kSeals);
  RawClient client(daemon.path());
  const std::uint32_t port = client.call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE)->outs[0];
  const auto send = [&](int times) {
    client.lane().send(message_with(port, std::vector<local::SentRegion>(times, {kSize, kFile, 0, 0})),
                       std::vector<int>(times, file.get()));
    return client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone)->code;
  };
  const auto no_buffer = static_cast<std::uint32_t>(MACH_SEND_NO_BUFFER);
  EXPECT_EQ(send(3), no_buffer) << "bytes";
  EXPECT_TRUE(daemon.files_become(0));
  EXPECT_EQ(send(1), 0U);
  EXPECT_EQ(send(1), 0U);
  EXPECT_EQ(send(1), no_buffer) << "bytes";
  client.lane().send(receive_frame_for(port));
  local::ReceivedRegion region{};
  EXPECT_TRUE(receive_file(client.lane(), &region));
  EXPECT_TRUE(daemon.files_become(1));
  EXPECT_EQ(send(1), 0U) << "room has returned";
  EXPECT_TRUE(client.is_served());
}

TEST(FileLimits, OfDescriptorsAreAnsweredWithNoBuffer) {
  session::UserLimits limits;
  limits.files_of_all = 2;
  TestDaemon daemon(limits);
  const auto file = memory_file(kSize, kSeals);
  RawClient client(daemon.path());
  RawClient other(daemon.path());
  const auto send = [&](RawClient& from) {
    const std::uint32_t port = from.call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE)->outs[0];
    from.lane().send(message_with(port, {{kSize, kFile, 0, 0}}), {file.get()});
    return from.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone)->code;
  };
  EXPECT_EQ(send(client), 0U);
  EXPECT_EQ(send(client), 0U);
  EXPECT_EQ(send(other), static_cast<std::uint32_t>(MACH_SEND_NO_BUFFER));
  client.main().close();
  EXPECT_TRUE(daemon.files_become(0));
  EXPECT_EQ(send(other), 0U);
}

}  // namespace
}  // namespace netmsg::test
