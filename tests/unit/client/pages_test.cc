// SPDX-License-Identifier: Apache-2.0
// Which memory can be read and written, as the library finds out before it touches a program's (spec 03 §§3, 11), and the
// list of mappings that it asks.
#include <alloca.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "client/src/maps_file.h"
#include "client/src/memory.h"
#include "client/src/own_memory.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::client {
namespace {

constexpr std::size_t kPages = 40;  // enough for the mapping to be asked about
constexpr std::size_t kSize = kPages * kPageSize;
constexpr int kAll = PROT_READ | PROT_WRITE;

#ifndef MADV_GUARD_INSTALL
constexpr int MADV_GUARD_INSTALL = 102;
#endif

class AskedPages : public testing::Test {
 protected:
  void TearDown() override { ::munmap(memory_, kSize); }

  // Instead of what was there.
  void map(int protection, int flags, int fd = -1) {
    void* const pages = ::mmap(memory_, kSize, protection, flags | MAP_FIXED, fd, 0);
    ASSERT_EQ(pages, memory_);
  }
  // Of `present` pages, of which as many are mapped as if all were there.
  void map_file(std::size_t present, int flags) {
    const int fd = ::memfd_create("pages", MFD_CLOEXEC);
    ASSERT_EQ(::ftruncate(fd, static_cast<off_t>(present * kPageSize)), 0);
    map(kAll, flags, fd);
    ::close(fd);
  }
  void protect(std::size_t page, int protection) {
    ASSERT_EQ(::mprotect(memory_ + page * kPageSize, kPageSize, protection), 0);
  }
  char* at(std::size_t page) { return memory_ + page * kPageSize; }

  bool reads(std::size_t from, std::size_t size) { return is_readable(memory_ + from, size); }
  bool writes(std::size_t from, std::size_t size) { return is_writable(memory_ + from, size); }
  bool reads() { return reads(0, kSize); }
  bool writes() { return writes(0, kSize); }

 private:
  char* memory_ =
      static_cast<char*>(::mmap(nullptr, kSize, kAll, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
};

TEST_F(AskedPages, OfAProgramsOwnCanBeReadAndWritten) {
  std::memset(at(0), 'a', kSize);
  for (const std::size_t size : {1U, 3U, 4U, 8U, 4095U, 4096U, 4097U, 65536U, 100000U}) {
    for (const std::size_t from : {0U, 1U, 4090U, 4095U}) {
      EXPECT_TRUE(reads(from, size)) << from << " " << size;
      EXPECT_TRUE(writes(from, size)) << from << " " << size;
    }
  }
  EXPECT_TRUE(reads(0, 0));
}

TEST_F(AskedPages, ThatAreWrittenToKeepWhatStandsAroundThem) {
  std::memset(at(0), 'a', kSize);
  const std::size_t from = 4093;
  const std::size_t size = 70000;
  ASSERT_TRUE(writes(from, size));
  EXPECT_EQ(std::string(at(0), from), std::string(from, 'a'));
  EXPECT_EQ(std::string(at(0) + from + size, kSize - from - size), std::string(kSize - from - size, 'a'));
}

TEST_F(AskedPages, ThatCannotBeTouchedAreFoundWhereverTheyAre) {
  for (std::size_t page = 0; page < kPages; ++page) {
    protect(page, PROT_NONE);
    EXPECT_FALSE(reads()) << page;
    EXPECT_FALSE(writes()) << page;
    protect(page, PROT_READ);
    EXPECT_TRUE(reads()) << page;
    EXPECT_FALSE(writes()) << page;
    protect(page, kAll);
    EXPECT_TRUE(reads() && writes()) << page;
  }
}

TEST_F(AskedPages, ThatAreGoneAreFoundToo) {
  ::munmap(at(kPages / 2), kPageSize);
  EXPECT_FALSE(reads());
  EXPECT_FALSE(writes());
  EXPECT_TRUE(reads(0, kSize / 2));
  EXPECT_TRUE(writes(kSize / 2 + kPageSize, kSize / 2 - kPageSize));
  EXPECT_FALSE(reads(0, kSize / 2 + 1));
  EXPECT_FALSE(writes(kSize / 2 + kPageSize - 1, kSize / 4));
}

// Touched, they would be the end of the program.
TEST_F(AskedPages, BehindTheEndOfAFileAreNotThere) {
  for (const int flags : {MAP_SHARED, MAP_PRIVATE}) {
    map_file(kPages - 5, flags);
    EXPECT_FALSE(reads() || writes());
    EXPECT_TRUE(reads(0, kSize - 5 * kPageSize) && writes(0, kSize - 5 * kPageSize));
  }
}

TEST_F(AskedPages, ThatMayOnlyBeReadCanBeSent) {
  map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
  EXPECT_TRUE(reads());
  EXPECT_FALSE(writes());
}

// As at a stack's end: the mapping goes on over them.
TEST_F(AskedPages, ThatAreGuardsAreFoundAtBothEnds) {
  if (::madvise(at(0), kPageSize, MADV_GUARD_INSTALL) != 0) GTEST_SKIP() << "this kernel has none";
  ASSERT_EQ(::madvise(at(kPages - 1), kPageSize, MADV_GUARD_INSTALL), 0);
  EXPECT_FALSE(reads(0, kSize - kPageSize) || writes(0, kSize - kPageSize));
  EXPECT_FALSE(reads(kPageSize, kSize - kPageSize) || writes(kPageSize, kSize - kPageSize));
  EXPECT_TRUE(reads(kPageSize, kSize - 2 * kPageSize) && writes(kPageSize, kSize - 2 * kPageSize));
}

TEST_F(AskedPages, AtNoAddressOrPastTheLastOneAreNone) {
  EXPECT_FALSE(is_readable(nullptr, 32));
  EXPECT_FALSE(is_writable(nullptr, 32));
  EXPECT_FALSE(is_readable(nullptr, kSize) || is_writable(nullptr, kSize));
  EXPECT_FALSE(reads(0, UINT64_MAX - 100) || writes(0, UINT64_MAX - 100));
  EXPECT_FALSE(reads(0, 1ULL << 40) || writes(0, 1ULL << 40));
}

// ---------------------------------------------------------------- both at once

TEST_F(AskedPages, ForBothAtOnceStayAsTheyAre) {
  std::memset(at(0), 'a', kSize);
  const std::string before(at(0), kSize);
  for (const std::size_t from : {0U, 1U, 3U, 4090U, 4095U}) {
    EXPECT_TRUE(is_usable(at(0) + from, 32)) << from;
    EXPECT_TRUE(is_usable(at(0) + from, 5000)) << from;
  }
  EXPECT_EQ(std::string(at(0), kSize), before);
}

TEST_F(AskedPages, ThatAreNotForBothAreFound) {
  protect(1, PROT_READ);
  protect(3, PROT_NONE);
  EXPECT_TRUE(is_usable(at(0), kPageSize));
  EXPECT_FALSE(is_usable(at(0), kPageSize + 1));
  EXPECT_FALSE(is_usable(at(1), 4));
  EXPECT_FALSE(is_usable(at(3), 4));
  EXPECT_FALSE(is_usable(nullptr, 32));
  EXPECT_FALSE(is_usable(at(0), UINT64_MAX - 100));
  map_file(1, MAP_SHARED);
  EXPECT_TRUE(is_usable(at(0), kPageSize));
  EXPECT_FALSE(is_usable(at(1), 4)) << "behind the end of a file";
}

// ---------------------------------------------------------------- the program's own

constexpr std::size_t kBytes = 64;
constexpr OwnMemory::Common kNothing{0, 0, UINT64_MAX};

TEST(OwnMemory, IsTheUsedPartOfThisThreadsStack) {
  const OwnMemory own(kNothing);
  auto* const local = static_cast<char*>(alloca(kBytes));  // a sanitizer may have other variables elsewhere
  EXPECT_TRUE(own.covers(local, kBytes));
  EXPECT_FALSE(own.covers(local, UINT64_MAX / 2)) << "past its end";
  EXPECT_FALSE(own.covers(local - (1U << 20), 64)) << "not yet used";
  EXPECT_FALSE(own.covers(nullptr, 64));
  std::thread([&] {
    auto* const others = static_cast<char*>(alloca(kBytes));
    const OwnMemory of_other(kNothing);
    EXPECT_TRUE(of_other.covers(others, kBytes));
    EXPECT_FALSE(of_other.covers(local, kBytes));
  }).join();
}

char zeros[2 * kPageSize];
char others[kBytes] = "not zero";
const char constant[kBytes] = "constant";
const char* const relocated[] = {constant};

TEST(OwnMemory, IsTheProgramsVariables) {
  const OwnMemory own(OwnMemory::Common::now());
  EXPECT_TRUE(own.covers(zeros, sizeof zeros));
  EXPECT_TRUE(own.covers(others, sizeof others));
  EXPECT_FALSE(own.covers(constant, sizeof constant));
  EXPECT_FALSE(own.covers(static_cast<const void*>(relocated), sizeof relocated))
      << "constant once it is loaded";
  EXPECT_FALSE(own.covers(zeros, UINT64_MAX / 2)) << "past their end";
  EXPECT_FALSE(own.covers(stdout, 1)) << "a library's";
}

TEST(OwnMemory, IsTheHeapThatGrewSince) {
  const auto common = OwnMemory::Common::now();
  auto* const grown = static_cast<char*>(::sbrk(2 * kPageSize));
  if (reinterpret_cast<std::uint64_t>(grown) != common.heap_begin)
    GTEST_SKIP() << "the heap does not grow that way here";
  const OwnMemory own(common);
  EXPECT_TRUE(own.covers(grown, 2 * kPageSize));
  EXPECT_FALSE(own.covers(grown, 2 * kPageSize + 1));
  EXPECT_FALSE(own.covers(grown - 1, 2));
  ::sbrk(-static_cast<std::intptr_t>(kPageSize));
  EXPECT_FALSE(own.covers(grown, 2 * kPageSize));
  EXPECT_TRUE(own.covers(grown, kPageSize));
}

// ---------------------------------------------------------------- the list

bool is_asked() {
  return MapsFile::current().answers();
}

TEST_F(AskedPages, AreInTheListAsTheyAreNow) {
  if (!is_asked()) GTEST_SKIP() << "this kernel cannot be asked";
  const auto address = reinterpret_cast<std::uint64_t>(at(0));
  Mapping mapping{};
  ASSERT_EQ(MapsFile::current().find(address, &mapping), MapsFile::Answer::kFound);
  EXPECT_LE(mapping.start, address);
  EXPECT_GE(mapping.end, address + kSize);
  EXPECT_EQ(mapping.protection, VM_PROT_DEFAULT);
  ::mprotect(at(0), kSize, PROT_READ);
  ASSERT_EQ(MapsFile::current().find(address, &mapping), MapsFile::Answer::kFound);
  EXPECT_EQ(mapping.protection, VM_PROT_READ);
  ASSERT_EQ(MapsFile::current().find(kAddressEnd, &mapping), MapsFile::Answer::kNothing);
}

TEST_F(AskedPages, OfAChildAreAskedAboutInItsOwnList) {
  ASSERT_TRUE(reads());
  EXPECT_TRUE(test::in_process("", [&] {
    ::munmap(at(7), kPageSize);
    EXPECT_FALSE(reads() || writes());
  }));
  EXPECT_TRUE(reads() && writes());
}

// And perhaps opens something else under the list's number.
TEST_F(AskedPages, AreAskedAboutOneByOneWhereTheProgramHasClosedTheList) {
  EXPECT_TRUE(test::in_process("", [&] {
    ASSERT_TRUE(reads());
    ASSERT_EQ(::close_range(3, ~0U, 0), 0);
    for (int left = 5; left > 0; --left) {
      EXPECT_FALSE(is_asked());
      EXPECT_TRUE(reads() && writes());
      protect(9, PROT_READ);
      EXPECT_TRUE(reads());
      EXPECT_FALSE(writes());
      protect(9, kAll);
      ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    }
  }));
}

}  // namespace
}  // namespace netmsg::client
