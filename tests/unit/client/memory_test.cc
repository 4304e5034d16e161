// SPDX-License-Identifier: Apache-2.0
// Out-of-line memory as programs see it (spec 02 §§6, 8, 9), through a daemon.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/mach_message.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr std::size_t kPage = 4096;
constexpr mach_msg_option_t kNow = MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT;

char* pages(std::size_t count) {
  vm_address_t address = 0;
  EXPECT_EQ(vm_allocate(mach_task_self(), &address, count * kPage, TRUE), KERN_SUCCESS);
  return reinterpret_cast<char*>(address);
}

bool is_mapped(const void* page) {
  unsigned char there;
  return ::mincore(const_cast<void*>(page), kPage, &there) == 0;
}

std::uint64_t number(const void* address) {
  return reinterpret_cast<std::uint64_t>(address);
}

// `size` bytes of memory that is there already.
Item region(const void* data, std::size_t size, bool deallocate = false) {
  Item item = memory({}, number(data));
  item.descriptor.msgt_number = static_cast<mach_msg_type_number_t>(size);
  item.descriptor.msgt_deallocate = deallocate ? 1 : 0;
  return item;
}

Item names_at(unsigned disposition, const void* names, unsigned count) {
  Item item = region(names, count);
  item.descriptor.msgt_name = disposition & 0xFFU;
  item.descriptor.msgt_size = 32;
  return item;
}

// A buffer to send from and to receive into.
class Buffer {
 public:
  explicit Buffer(std::size_t size = 1024) : bytes_(size) {}
  Buffer(mach_port_t to, std::vector<Item> items) {
    bytes_ = Outgoing{.remote = to,
                      .remote_type = MACH_MSG_TYPE_MAKE_SEND,
                      .bits = MACH_MSGH_BITS_COMPLEX,
                      .items = std::move(items)}
                 .encode();
  }
  mach_msg_header_t* head() { return reinterpret_cast<mach_msg_header_t*>(bytes_.data()); }
  mach_msg_size_t size() const { return static_cast<mach_msg_size_t>(bytes_.size()); }
  mach_msg_return_t send(mach_msg_option_t option = 0) {
    return mach_msg(head(), MACH_SEND_MSG | MACH_SEND_TIMEOUT | option, size(), 0, 0, 0, 0);
  }
  mach_msg_return_t receive(mach_port_t from) {
    return mach_msg(head(), MACH_RCV_MSG | kNow, 0, size(), from, 0, 0);
  }
  mach_msg_type_t item(std::size_t offset) const { return load<mach_msg_type_t>(offset); }
  char* address(std::size_t offset) const { return load<char*>(offset); }
  template <typename T>
  T load(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

 private:
  Bytes bytes_;
};

constexpr std::size_t kFirst = sizeof(mach_msg_header_t);
constexpr std::size_t kSlot = kFirst + sizeof(mach_msg_type_t);

class OutOfLine : public testing::Test {
 protected:
  ~OutOfLine() override { mach_port_destroy(mach_task_self(), port); }
  mach_port_t port = new_port();
};

// 02.13
TEST_F(OutOfLine, ArrivesAtItsOffsetBetweenZeroes) {
  char* const sent = pages(3);
  std::memset(sent, 'x', 3 * kPage);
  std::memset(sent + 0x123, 'd', 5000);
  ASSERT_EQ(Buffer(port, {region(sent + 0x123, 5000)}).send(), MACH_MSG_SUCCESS);
  std::memset(sent, 'y', 3 * kPage);  // 02 §9: nobody sees it
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  char* const data = got.address(kSlot);
  char* const first_page = data - 0x123;
  EXPECT_EQ(number(data) % kPage, 0x123U);
  EXPECT_NE(data, sent + 0x123);
  EXPECT_TRUE(std::all_of(first_page, data, [](char c) { return c == 0; }));
  EXPECT_TRUE(std::all_of(data, data + 5000, [](char c) { return c == 'd'; }));
  EXPECT_TRUE(std::all_of(data + 5000, first_page + 2 * kPage, [](char c) { return c == 0; }));
  data[0] = 'w';
  EXPECT_TRUE(is_mapped(sent)) << "not to be deallocated";
  EXPECT_EQ(vm_deallocate(mach_task_self(), number(data), 5000), KERN_SUCCESS);
  EXPECT_FALSE(is_mapped(first_page));
  EXPECT_FALSE(is_mapped(first_page + kPage));
  vm_deallocate(mach_task_self(), number(sent), 3 * kPage);
}

// 02.12
TEST_F(OutOfLine, OfLengthZeroMayHaveAnyAddress) {
  ASSERT_EQ(Buffer(port, {region(reinterpret_cast<void*>(0xDEAD'BEEF'0001), 0)}).send(), MACH_MSG_SUCCESS);
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  EXPECT_EQ(got.address(kSlot), nullptr);
  EXPECT_EQ(got.item(kFirst).msgt_deallocate, 1U);
}

// 02.14
TEST_F(OutOfLine, DeallocateTakesWholePagesOnceTheyAreInTheMessage) {
  char* const sent = pages(4);
  ASSERT_EQ(Buffer(port, {region(sent + kPage + 5, kPage, true)}).send(), MACH_MSG_SUCCESS);
  EXPECT_TRUE(is_mapped(sent));
  EXPECT_FALSE(is_mapped(sent + kPage));
  EXPECT_FALSE(is_mapped(sent + 2 * kPage));
  EXPECT_TRUE(is_mapped(sent + 3 * kPage));
  vm_deallocate(mach_task_self(), number(sent), 4 * kPage);
}

// 02.14
TEST_F(OutOfLine, DeallocateDoesNothingIfTheHeaderIsRefused) {
  char* const sent = pages(1);
  Buffer wrong(0x7777, {region(sent, 10, true)});
  EXPECT_EQ(wrong.send(), MACH_SEND_INVALID_DEST);
  wrong.head()->msgh_bits = MACH_MSGH_BITS(22U, 0U) | MACH_MSGH_BITS_COMPLEX;
  EXPECT_EQ(wrong.send(), MACH_SEND_INVALID_HEADER);
  EXPECT_TRUE(is_mapped(sent));
  vm_deallocate(mach_task_self(), number(sent), kPage);
}

// 02 §6, 02.9: taken is taken, also if a later item fails; what was not reached stays.
TEST_F(OutOfLine, DeallocateCountsForWhatWasTakenBeforeABadItem) {
  char* const first = pages(1);
  char* const second = pages(1);
  const Name bogus = 0x7777;
  EXPECT_EQ(Buffer(port, {region(first, 10, true), rights(MACH_MSG_TYPE_MOVE_SEND, {bogus}),
                          region(second, 10, true)})
                .send(),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_FALSE(is_mapped(first));
  EXPECT_TRUE(is_mapped(second));
  vm_deallocate(mach_task_self(), number(second), kPage);
}

// 02 §8 row 8: what an item deallocates is not there for the next one.
TEST_F(OutOfLine, PagesCanBeDeallocatedOnlyOnce) {
  char* const sent = pages(2);
  EXPECT_EQ(Buffer(port, {region(sent, 10, true), region(sent + 20, 10)}).send(), MACH_SEND_INVALID_MEMORY);
  EXPECT_FALSE(is_mapped(sent));
  EXPECT_EQ(Buffer(port, {region(sent + kPage, 10), region(sent + kPage, 10, true)}).send(),
            MACH_MSG_SUCCESS);
  EXPECT_FALSE(is_mapped(sent + kPage));
}

// 02 §8 row 8; the region stands where the kernel meets it at once, and where much is on its way already.
TEST_F(OutOfLine, UnreadableMemoryIsInvalidMemory) {
  char* const sent = pages(200);
  ASSERT_EQ(::mprotect(sent + 199 * kPage, kPage, PROT_NONE), 0);
  char* const gone = pages(1);
  vm_deallocate(mach_task_self(), number(gone), kPage);
  struct Case {
    const char* what;
    Item item;
  };
  const Case cases[] = {
      {"one that is not mapped", region(gone, 10)},
      {"one that may not be read", region(sent + 199 * kPage, 10)},
      {"one that ends badly", region(sent, 200 * kPage)},
      {"no address", region(nullptr, 10)},
      {"around the end of all addresses", region(reinterpret_cast<void*>(~0ULL - 5), 10)},
      {"a kernel address", region(reinterpret_cast<void*>(0xFFFF'8000'0000'0000), 10)},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    char* const before = pages(1);
    EXPECT_EQ(Buffer(port, {region(before, 10, true), one.item, region(sent, 10)}).send(),
              MACH_SEND_INVALID_MEMORY);
    EXPECT_FALSE(is_mapped(before)) << "taken before it";
  }
  Buffer got;
  EXPECT_EQ(got.receive(port), MACH_RCV_TIMED_OUT) << "nothing was sent";
  vm_deallocate(mach_task_self(), number(sent), 200 * kPage);
}

// 02.10
TEST_F(OutOfLine, AnOverflowOfNumberAndSizeIsInvalidMemory) {
  char* const sent = pages(1);
  Item item = region(sent, 1);
  item.descriptor.msgt_number = 0xFFFFFFFF;
  item.descriptor.msgt_size = 0xFFFF;
  EXPECT_EQ(Buffer(port, {item}).send(), MACH_SEND_INVALID_MEMORY);
  vm_deallocate(mach_task_self(), number(sent), kPage);
}

TEST_F(OutOfLine, MoreThanTheDaemonTakesIsNoBufferAndNothingIsConsumed) {
  const std::size_t size = 1100UL << 20;
  void* const sent = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(sent, MAP_FAILED);
  EXPECT_EQ(Buffer(port, {region(sent, size, true)}).send(), MACH_SEND_NO_BUFFER);
  EXPECT_TRUE(is_mapped(sent));
  ::munmap(sent, size);
}

TEST_F(OutOfLine, MoreThanTheUsersShareIsNoBufferAndNothingIsConsumed) {
  constexpr std::size_t kSmall = 15 * kPage;  // travels as bytes
  const std::size_t size = 1100 * kSmall;
  auto* const sent = static_cast<char*>(
      ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  ASSERT_NE(sent, MAP_FAILED);
  std::vector<Item> items;
  for (std::size_t at = 0; at < size; at += kSmall) items.push_back(region(sent + at, kSmall, true));
  EXPECT_EQ(Buffer(port, items).send(), MACH_SEND_NO_BUFFER);
  EXPECT_TRUE(is_mapped(sent));
  ::munmap(sent, size);
}

// ---------------------------------------------------------------- regions that are handed over

constexpr std::size_t kLarge = 1U << 20;

char* filled_region(std::size_t size, char letter) {
  char* const data = pages(size / kPage);
  std::memset(data, letter, size);
  return data;
}

bool is_all(const char* data, std::size_t size, char letter) {
  return std::all_of(data, data + size, [letter](char c) { return c == letter; });
}

int descriptors() {
  int count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

TEST_F(OutOfLine, ARegionThatIsKeptIsACopyOnBothSides) {
  char* const sent = filled_region(kLarge, 'a');
  ASSERT_EQ(Buffer(port, {region(sent, kLarge)}).send(), MACH_MSG_SUCCESS);
  EXPECT_TRUE(is_all(sent, kLarge, 'a'));
  std::memset(sent, 'b', kLarge);
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  char* const data = got.address(kSlot);
  EXPECT_TRUE(is_all(data, kLarge, 'a'));
  std::memset(data, 'c', kLarge);
  EXPECT_TRUE(is_all(sent, kLarge, 'b'));
  ASSERT_EQ(Buffer(port, {region(sent, kLarge), region(data, kLarge, true)}).send(), MACH_MSG_SUCCESS);
  EXPECT_FALSE(is_mapped(data));
  Buffer again;
  ASSERT_EQ(again.receive(port), MACH_MSG_SUCCESS);
  EXPECT_TRUE(is_all(again.address(kSlot), kLarge, 'b')) << "sent again";
  EXPECT_TRUE(is_all(again.address(kSlot + 16), kLarge, 'c')) << "received, and sent on";
  mach_msg_destroy(again.head());
  vm_deallocate(mach_task_self(), number(sent), kLarge);
}

// Nothing but what was sent goes along, and nothing of the rest is lost.
TEST_F(OutOfLine, TheRestOfARegionStaysBehind) {
  const struct {
    std::size_t begin, length;
  } parts[] = {{0, kLarge - 100}, {0, kLarge / 2}, {kPage, kLarge - kPage}, {5, kLarge - 5}};
  for (const auto& part : parts) {
    char* const whole = filled_region(kLarge, 'a');
    ASSERT_EQ(Buffer(port, {region(whole + part.begin, part.length)}).send(), MACH_MSG_SUCCESS);
    EXPECT_TRUE(is_all(whole, kLarge, 'a'));
    Buffer got;
    ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
    char* const data = got.address(kSlot);
    EXPECT_TRUE(is_all(data, part.length, 'a'));
    EXPECT_TRUE(is_all(data - number(data) % kPage, number(data) % kPage, 0));
    EXPECT_TRUE(is_all(data + part.length, (kPage - number(data + part.length) % kPage) % kPage, 0));
    mach_msg_destroy(got.head());
    vm_deallocate(mach_task_self(), number(whole), kLarge);
  }
}

TEST_F(OutOfLine, ARegionOfASendThatFailsStaysAsItIs) {
  char* const sent = filled_region(kLarge, 'a');
  EXPECT_EQ(Buffer(0x7777, {region(sent, kLarge - 1, true)}).send(), MACH_SEND_INVALID_DEST);
  EXPECT_TRUE(is_all(sent, kLarge, 'a'));
  sent[0] = 'b';
  ASSERT_EQ(Buffer(port, {region(sent, kLarge, true)}).send(), MACH_MSG_SUCCESS);
  EXPECT_FALSE(is_mapped(sent));
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  EXPECT_EQ(got.address(kSlot)[0], 'b');
  mach_msg_destroy(got.head());
}

TEST_F(OutOfLine, RegionsAreCopiesInBothProcessesOfAFork) {
  char* const data = filled_region(kLarge, 'a');
  EXPECT_TRUE(in_process(daemon().path(), [data] {
    EXPECT_TRUE(is_all(data, kLarge, 'a'));
    std::memset(data, 'c', kLarge);
    const mach_port_t own = new_port();
    ASSERT_EQ(Buffer(own, {region(data, kLarge)}).send(), MACH_MSG_SUCCESS);
    Buffer got;
    ASSERT_EQ(got.receive(own), MACH_MSG_SUCCESS);
    EXPECT_TRUE(is_all(got.address(kSlot), kLarge, 'c'));
  }));
  EXPECT_TRUE(is_all(data, kLarge, 'a'));
  vm_deallocate(mach_task_self(), number(data), kLarge);
}

// What is mapped can be asked of the kernel even then.
TEST_F(OutOfLine, RegionsAreCopiesAfterAForkWithoutDescriptors) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    char* const data[] = {filled_region(kLarge, 'a'), filled_region(kLarge, 'b')};
    const rlimit few{200, 4096};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    while (::dup(0) >= 0) continue;
    EXPECT_TRUE(in_process(daemon().path(), [&] {
      for (char* region : data) std::memset(region, 'c', kLarge);
    }));
    EXPECT_TRUE(is_all(data[0], kLarge, 'a'));
    EXPECT_TRUE(is_all(data[1], kLarge, 'b'));
  }));
}

// Descriptors of files of memory that this process has.
int memory_files() {
  int count = 0;
  for (int fd = 0; fd < 4096; ++fd) {
    char name[64] = {};
    const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name - 1);
    if (length > 0 && std::string(name).starts_with("/memfd:")) ++count;
  }
  return count;
}

// They are the daemon's then, so that a child that is forked meanwhile keeps nothing alive. In a process without a
// daemon of its own.
TEST_F(OutOfLine, ABlockedSendHoldsNoFiles) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer follows no threads in a process forked from one that has threads";
#endif
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t full = new_port();
    ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), full, 0), KERN_SUCCESS);
    char* const data = filled_region(kLarge, 'a');
    EXPECT_GT(memory_files(), 0) << "the region's";
    std::thread sender([&] {
      Buffer message(full, {region(data, kLarge)});
      EXPECT_EQ(mach_msg(message.head(), MACH_SEND_MSG, message.size(), 0, 0, 0, 0), MACH_MSG_SUCCESS);
    });
    for (int waits = 0; waits < 1000 && memory_files() > 0; ++waits) ::usleep(10'000);
    EXPECT_EQ(memory_files(), 0);
    EXPECT_EQ(mach_port_set_qlimit(mach_task_self(), full, 1), KERN_SUCCESS);
    sender.join();
    Buffer got;
    EXPECT_EQ(got.receive(full), MACH_MSG_SUCCESS);
    EXPECT_TRUE(is_all(got.address(kSlot), kLarge, 'a'));
  }));
  EXPECT_TRUE(daemon().files_become(0));
}

// A program may give back, protect or replace parts by itself, or in the Mach way.
TEST_F(OutOfLine, ChangedRegionsAreSentAsTheyAre) {
  const std::function<void(char*)> changes[] = {
      [](char* data) { vm_protect(mach_task_self(), number(data), kPage, FALSE, VM_PROT_READ); },
      [](char* data) { ::mprotect(data, kPage, PROT_READ); },
      [](char* data) { vm_inherit(mach_task_self(), number(data), kPage, VM_INHERIT_NONE); },
      [](char* data) {
        ::mmap(data, kLarge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        std::memset(data, 'a', kLarge);
      },
  };
  for (const auto& change : changes) {
    char* const data = filled_region(kLarge, 'a');
    change(data);
    ASSERT_EQ(Buffer(port, {region(data, kLarge)}).send(), MACH_MSG_SUCCESS);
    Buffer got;
    ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
    EXPECT_TRUE(is_all(got.address(kSlot), kLarge, 'a'));
    EXPECT_TRUE(is_all(data, kLarge, 'a'));
    mach_msg_destroy(got.head());
    vm_deallocate(mach_task_self(), number(data), kLarge);
  }
}

// The first one opens the list of mappings.
TEST_F(OutOfLine, HandOversLeaveNoDescriptorBehind) {
  const int times = scaled(10'000);
  int before = 0;
  for (int at = 0; at < times; ++at) {
    char* const data = filled_region(kLarge / 4, static_cast<char>(at));
    const bool deallocate = at % 2 == 0;
    ASSERT_EQ(Buffer(port, {region(data, kLarge / 4, deallocate)}).send(), MACH_MSG_SUCCESS);
    Buffer got;
    ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
    EXPECT_EQ(got.address(kSlot)[kPage], static_cast<char>(at));
    mach_msg_destroy(got.head());
    // Once: what has gone with the message may be another thread's stack by now.
    if (!deallocate) vm_deallocate(mach_task_self(), number(data), kLarge / 4);
    if (at > 0) continue;
    EXPECT_TRUE(daemon().files_become(0));
    before = descriptors();
  }
  EXPECT_TRUE(daemon().files_become(0));
  EXPECT_EQ(descriptors(), before);
}

// In a process of its own: the daemon of the others needs descriptors.
TEST_F(OutOfLine, AReceiverWithoutADescriptorLosesTheRegionOnly) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t own = new_port();
    char* const data = filled_region(kLarge, 'a');
    const std::vector<Item> items = {region(data, 3), region(data, kLarge), region(data, 5)};
    ASSERT_EQ(Buffer(own, items).send(), MACH_MSG_SUCCESS);
    const rlimit none{0, 4096};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    Buffer got;
    EXPECT_EQ(got.receive(own), MACH_RCV_BODY_ERROR | MACH_MSG_VM_KERNEL);
    EXPECT_TRUE(is_all(got.address(kSlot), 3, 'a'));
    EXPECT_EQ(got.address(kSlot + 16), nullptr);
    EXPECT_EQ(got.item(kFirst + 16).msgt_size, 0U);
    EXPECT_TRUE(is_all(got.address(kSlot + 32), 5, 'a'));
    ASSERT_EQ(Buffer(own, {region(data, kLarge)}).send(), MACH_MSG_SUCCESS) << "as bytes";
    EXPECT_EQ(got.receive(own), MACH_MSG_SUCCESS);
    EXPECT_TRUE(is_all(got.address(kSlot), kLarge, 'a'));
  }));
  EXPECT_TRUE(daemon().files_become(0));
}

// Few descriptors: few regions of their own, and then ordinary memory, which is sent as well.
TEST_F(OutOfLine, RegionsTakeAShareOfTheDescriptorsOnly) {
  rlimit old{};
  ::getrlimit(RLIMIT_NOFILE, &old);
  const int before = descriptors();
  const rlimit few{200, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<char*> all;
  for (int at = 0; at < 100; ++at) all.push_back(filled_region(kLarge / 4, 'a'));
  EXPECT_LE(descriptors(), before + 50);
  EXPECT_EQ(Buffer(port, {region(all.back(), kLarge / 4)}).send(), MACH_MSG_SUCCESS);
  Buffer got;
  EXPECT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  mach_msg_destroy(got.head());
  for (char* data : all) vm_deallocate(mach_task_self(), number(data), kLarge / 4);
  EXPECT_TRUE(daemon().files_become(0));
  EXPECT_EQ(descriptors(), before);
  ::setrlimit(RLIMIT_NOFILE, &old);
}

TEST_F(OutOfLine, SixteenMegabytesComeWhole) {
  const std::size_t size = 16UL << 20;
  char* const sent = pages(size / kPage);
  for (std::size_t at = 0; at < size; ++at) sent[at] = static_cast<char>(at * 31 / 7);
  ASSERT_EQ(Buffer(port, {region(sent, size)}).send(), MACH_MSG_SUCCESS);
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  EXPECT_EQ(std::memcmp(got.address(kSlot), sent, size), 0);
  mach_msg_destroy(got.head());
  vm_deallocate(mach_task_self(), number(sent), size);
}

TEST_F(OutOfLine, AThousandRegionsComeInOrder) {
  constexpr std::size_t kRegions = 1000;
  char* const sent = pages(2);
  std::vector<Item> items;
  for (std::size_t at = 0; at < kRegions; ++at) {
    sent[at] = static_cast<char>(at % 251);
    items.push_back(region(sent + at, 1 + at % 7));
  }
  ASSERT_EQ(Buffer(port, std::move(items)).send(), MACH_MSG_SUCCESS);
  Buffer got(kFirst + kRegions * 16);
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < kRegions; ++at) {
    const char* const data = got.address(kSlot + at * 16);
    if (std::memcmp(data, sent + at, 1 + at % 7) != 0) ++wrong;
    if (number(data) % kPage != number(sent + at) % kPage) ++wrong;
  }
  EXPECT_EQ(wrong, 0U);
  char* const first = got.address(kSlot);
  mach_msg_destroy(got.head());
  EXPECT_FALSE(is_mapped(first));
  vm_deallocate(mach_task_self(), number(sent), 2 * kPage);
}

// 02.15
TEST_F(OutOfLine, ArraysOfRightsBeginWithTheirPage) {
  const mach_port_t a = new_port();
  const mach_port_t names[] = {a, MACH_PORT_NULL, static_cast<mach_port_t>(MACH_PORT_DEAD)};
  ASSERT_EQ(Buffer(port, {names_at(MACH_MSG_TYPE_MAKE_SEND, names, 3)}).send(), MACH_MSG_SUCCESS);
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  EXPECT_EQ(got.item(kFirst).msgt_name, static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND));
  EXPECT_EQ(number(got.address(kSlot)) % kPage, 0U);
  EXPECT_EQ(std::memcmp(got.address(kSlot), names, sizeof names), 0) << "the names of this task";
  EXPECT_EQ(refs_of(a, MACH_PORT_RIGHT_SEND), 1U);
  mach_msg_destroy(got.head());
  EXPECT_EQ(refs_of(a, MACH_PORT_RIGHT_SEND), 0U) << "03 §15: arrays too";
  mach_port_destroy(mach_task_self(), a);
}

// 03.6: it comes back, at another address, and can be sent again as it stands.
TEST_F(OutOfLine, ComesBackWithAMessageThatCannotBeSent) {
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 0), KERN_SUCCESS);
  char* const sent = pages(1);
  std::strcpy(sent + 0x77, "data");
  Buffer message(port, {region(sent + 0x77, 5, true)});
  ASSERT_EQ(message.send(), MACH_SEND_TIMED_OUT);
  char* const back = message.address(kSlot);
  EXPECT_EQ(number(back) % kPage, 0x77U);
  EXPECT_STREQ(back, "data");
  EXPECT_EQ(message.item(kFirst).msgt_deallocate, 1U);
  EXPECT_EQ(is_mapped(sent), back == sent + 0x77);
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 1), KERN_SUCCESS);
  ASSERT_EQ(message.send(), MACH_MSG_SUCCESS);
  EXPECT_FALSE(is_mapped(back - 0x77));
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  EXPECT_STREQ(got.address(kSlot), "data");
  mach_msg_destroy(got.head());
}

// 03 §8, 02 §6: no room for a region is told, the rest of the message is fine, and lost rights are given up.
TEST_F(OutOfLine, WithoutAddressSpaceIsAnErrorOfTheBody) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP()
      << "the sanitizer needs address space of its own for the library to make a note of a lost right";
#endif
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t own = new_port();
    const mach_port_t right = new_port();
    constexpr std::size_t kSize = 24UL << 20;
    char* const sent = pages(kSize / kPage);
    auto* const names = reinterpret_cast<mach_port_t*>(pages(1));
    const std::vector<Item> items = {region(sent, kSize, true), region("small", 6)};
    ASSERT_EQ(Buffer(own, items).send(), MACH_MSG_SUCCESS);
    Item many = names_at(MACH_MSG_TYPE_MAKE_SEND, names, 1);
    names[0] = right;
    ASSERT_EQ(Buffer(own, {many}).send(), MACH_MSG_SUCCESS);
    Buffer got;
    rlimit room{};
    ASSERT_EQ(::getrlimit(RLIMIT_AS, &room), 0);
    const rlimit none{kPage, room.rlim_max};
    const std::string warmed_up(100, 'x');  // the allocator has pages from here on
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &none), 0);
    const mach_msg_return_t first = got.receive(own);
    const auto big = got.item(kFirst);
    const char* const address = got.address(kSlot);
    Buffer second;
    const mach_msg_return_t array = second.receive(own);
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &room), 0);
    EXPECT_EQ(first, MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE);
    EXPECT_EQ(address, nullptr);
    EXPECT_EQ(big.msgt_size, 0U);
    EXPECT_EQ(big.msgt_number, kSize);
    EXPECT_EQ(array, MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE);
    EXPECT_EQ(second.address(kSlot), nullptr);
    EXPECT_EQ(refs_of(right, MACH_PORT_RIGHT_SEND), 0U) << "given up";
    EXPECT_EQ(send_to(own, 7), MACH_MSG_SUCCESS) << "the lane goes on";
  }));
}

// 03 §11 phase 7: an unwritable buffer loses the text; the lane goes on.
TEST_F(OutOfLine, AnUnwritableBufferLosesTheAddress) {
  char* const sent = pages(1);
  ASSERT_EQ(Buffer(port, {region(sent, 10)}).send(), MACH_MSG_SUCCESS);
  ASSERT_EQ(::mprotect(sent, kPage, PROT_READ), 0);
  EXPECT_EQ(mach_msg(reinterpret_cast<mach_msg_header_t*>(sent), MACH_RCV_MSG | kNow, 0, kPage, port, 0, 0),
            MACH_RCV_INVALID_DATA);
  SmallMessage message;
  EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT);
  vm_deallocate(mach_task_self(), number(sent), kPage);
}

// The lane has a part of a message in it and is replaced; the thread's port goes with it, and there is a new one. More than
// a window takes, where it would have been asked about as a whole.
TEST_F(OutOfLine, ThatBreaksOffGivesTheThreadANewPort) {
  const mach_port_t old = mach_thread_self();
  constexpr unsigned kCount = 400;
  char* const sent = pages(kCount);
  ASSERT_EQ(::mprotect(sent + (kCount - 1) * kPage, kPage, PROT_NONE), 0);
  EXPECT_EQ(Buffer(port, {region(sent, kCount * kPage)}).send(), MACH_SEND_INVALID_MEMORY);
  const mach_port_t now = mach_thread_self();
  EXPECT_NE(now, old);
  EXPECT_TRUE(daemon().tasks_become([&](const auto&) { return type_of(old) == MACH_PORT_TYPE_DEAD_NAME; }));
  vm_deallocate(mach_task_self(), number(sent), kCount * kPage);
  for (const mach_port_t name : {old, now}) mach_port_destroy(mach_task_self(), name);
}

TEST_F(OutOfLine, ThatIsNowhereIsDestroyedWithoutATrace) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP()
      << "the sanitizer's munmap looks at its notes for the address, which for this one are nowhere either";
#endif
  Buffer message(MACH_PORT_NULL, {region(reinterpret_cast<void*>(0xFFFF'8000'0000'0000), 10)});
  message.head()->msgh_size = message.size();
  errno = 0;
  mach_msg_destroy(message.head());
  EXPECT_EQ(errno, 0);
}

// 02.8
TEST_F(OutOfLine, IsNotLookedForInAMessageThatIsNotComplex) {
  Buffer message(port, {region(reinterpret_cast<void*>(0x5555), 10)});
  message.head()->msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
  ASSERT_EQ(message.send(), MACH_MSG_SUCCESS);
  Buffer got;
  ASSERT_EQ(got.receive(port), MACH_MSG_SUCCESS);
  EXPECT_EQ(number(got.address(kSlot)), 0x5555U);
}

// 02.18, byte for byte.
TEST_F(OutOfLine, TheWorkedExample) {
  const mach_port_t reply = new_port();
  const mach_port_t a = new_port_with_send();
  const mach_port_t b = new_port_with_send();
  const mach_port_t to = new_port_with_send();
  char* const sent = pages(2);
  std::memset(sent, 'z', 5000);
  Item data = region(sent, 5000, true);
  data.descriptor.msgt_longform = 1;
  const Outgoing request{.remote = to,
                         .remote_type = MACH_MSG_TYPE_COPY_SEND,
                         .local = reply,
                         .local_type = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                         .id = 5,
                         .items = {numbers({7}), rights(MACH_MSG_TYPE_COPY_SEND, {a, b}), data}};
  Bytes bytes = request.encode();
  ASSERT_EQ(bytes.size(), 88U);
  auto* const head = reinterpret_cast<mach_msg_header_t*>(bytes.data());
  EXPECT_EQ(head->msgh_bits, 0x80001513U);
  ASSERT_EQ(mach_msg(head, MACH_SEND_MSG, 88, 0, 0, 0, 0), MACH_MSG_SUCCESS);
  EXPECT_FALSE(is_mapped(sent));
  Buffer got(88);
  ASSERT_EQ(got.receive(to), MACH_MSG_SUCCESS);
  const std::uint32_t words[] = {0x80001112, 88,  got.head()->msgh_remote_port,
                                 0,          to,  0,
                                 0,          5,  // the header
                                 0x20002002, 1,   7,
                                 0,  // the number
                                 0x20004011, 2,   a,
                                 0,          b,   0,  // the rights
                                 0xC0000808, 5000};
  for (std::size_t at = 0; at < std::size(words); ++at)
    EXPECT_EQ(got.load<std::uint32_t>(at * 4), words[at]) << "word " << at;
  EXPECT_EQ(std::string(got.address(80), 5000), std::string(5000, 'z'));
  mach_msg_destroy(got.head());
}

}  // namespace
}  // namespace netmsg::test
