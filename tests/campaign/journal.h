// SPDX-License-Identifier: Apache-2.0
// What a worker writes down, in a file that it shares with the campaign: it is there after a kill, up to the last
// record. A worker lives once: one that is started after a kill has a number and a journal of its own.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"

namespace netmsg::campaign {

using Clock = std::chrono::steady_clock;

// A stream: numbered messages from one life to one port, which is another life's or travels from one to another, as
// long as the right for that port lives.
enum class Event : std::uint32_t {
  kOpened,    // stream; number: the target, host * kSlots + slot or kTraveller
  kTried,     // stream, number: before the call
  kSent,      // stream, number: the call was a success
  kAnswered,  // stream, number: its receiver has said that it wrote it down
  kLost,      // stream: its right has become a dead name
  kReceived,  // of whom, stream, number
};

struct Record {
  Event event;
  std::uint32_t life;  // who opened the stream
  std::uint32_t stream;
  std::uint32_t number;
  std::int64_t at;  // ns of the steady clock, which is one for all processes of a machine
};

enum class Mode : std::uint32_t {
  kWork,
  kRest,  // sends nothing more, keeps no right of others, answers
};

// The name that a stream's right has left behind, for a while: there has to be a reason.
struct DeadName {
  std::atomic<std::uint32_t> name;
  std::atomic<std::uint32_t> host;  // where its port was
};
inline constexpr std::uint32_t kDeadNames = 8;

// The head of the file.
struct Shared {
  // The campaign's.
  std::atomic<Mode> mode;
  std::atomic<std::uint32_t> bursts_wanted;
  // The worker's.
  std::atomic<std::uint32_t> bursts_made;
  std::atomic<std::uint32_t> held;   // rights of others that it has, beside those of its streams
  std::atomic<std::uint32_t> owed;   // send-once rights it has made, of which nothing has come yet
  std::atomic<std::uint32_t> gifts;  // ports whose send rights it has given away and that have senders
  std::atomic<std::uint64_t> rounds;
  std::atomic<std::uint64_t> records;
  DeadName dead[kDeadNames];
  char trouble[256];  // what it has seen that must not be; then it has ended
};

inline constexpr std::uint32_t kSlots = 2;               // workers on a host at a time
inline constexpr std::uint32_t kTraveller = UINT32_MAX;  // the receive right goes from life to life

class Journal {
 public:
  static constexpr std::uint64_t kRecordsMax = 4U << 20;

  explicit Journal(const std::string& path) {
    const base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file || ::ftruncate(file.get(), kSize) != 0) throw std::runtime_error("no journal at " + path);
    void* at = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) throw std::runtime_error("no memory for " + path);
    shared_ = static_cast<Shared*>(at);
  }
  ~Journal() { ::munmap(shared_, kSize); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  Shared& shared() const { return *shared_; }
  std::uint64_t size() const { return shared_->records.load(std::memory_order_acquire); }
  const Record& operator[](std::uint64_t index) const { return records()[index]; }
  bool full() const { return size() >= kRecordsMax; }

  // REQUIRES: not full.
  void write(Event event, std::uint32_t life, std::uint32_t stream, std::uint32_t number) {
    const std::uint64_t index = size();
    records()[index] = {event, life, stream, number, Clock::now().time_since_epoch().count()};
    shared_->records.store(index + 1, std::memory_order_release);
  }

 private:
  static constexpr std::size_t kHead = 4096;
  static constexpr std::size_t kSize = kHead + kRecordsMax * sizeof(Record);
  static_assert(sizeof(Shared) <= kHead);

  Record* records() const { return reinterpret_cast<Record*>(reinterpret_cast<char*>(shared_) + kHead); }

  Shared* shared_;
};

}  // namespace netmsg::campaign
