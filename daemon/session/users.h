// SPDX-License-Identifier: Apache-2.0
// The users who have programs here, and what each has (spec 09 §5): the account that pays for what the engine
// holds, and counts of what the session layer holds. All connections of one user share one entry. Entries
// stay: an account outlives all that it pays for, so Users is constructed before the engine and outlives it.
// Owner thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "daemon/ipc/quota.h"
#include "daemon/session/client_file.h"
#include "proto/local/frame.h"

namespace netmsg::session {

struct UserLimits {
  ipc::Account::Limits account;
  std::uint32_t tasks = 4096;
  std::uint32_t handshakes = 32;      // unfinished ones
  std::uint32_t inheritances = 1024;  // handles that are open somewhere
  std::uint32_t watches = 1024;       // each costs the daemon a descriptor
  std::uint32_t lanes = 65536;        // likewise; of all tasks together
  std::uint32_t ring_lanes = 4096;    // those of them with memory of their own (ring_memory.h)
  std::uint32_t ring_lanes_of_all =
      16384;                    // of all users together: each is a mapping, and the kernel allows 65530
  std::uint32_t windows = 256;  // of ring lanes, open at a time (windows.h)
  std::uint32_t windows_of_all = 1024;       // of all users together
  std::uint64_t unread_bytes = 64ULL << 20;  // answers that its programs have not read yet
  std::uint64_t file_bytes = 4ULL << 30;     // in files handed over, whole sizes
  std::uint32_t files = 256;                 // descriptors of such files
  std::uint32_t files_of_all = 512;          // of all users together: a share of what the daemon may have
};

// One user's counts. Raised and lowered by the holders below.
struct User {
  explicit User(uid_t id, const UserLimits& limits)
      : uid(id), account(limits.account), closer(limits.file_bytes / 4) {}
  const uid_t uid;
  ipc::Account account;
  std::uint32_t tasks = 0;
  std::uint32_t handshakes = 0;
  std::uint32_t inheritances = 0;
  std::uint32_t watches = 0;
  std::uint32_t lanes = 0;
  std::uint32_t ring_lanes = 0;
  std::uint32_t windows = 0;
  std::uint64_t unread_bytes = 0;
  const std::shared_ptr<FileCount> files = std::make_shared<FileCount>();
  FileCloser closer;
};

// One of something counted against a user, given back by the destructor. Empty if the limit was reached.
class UserSlot {
 public:
  UserSlot() = default;
  UserSlot(std::uint32_t& count, std::uint32_t limit) : count_(count < limit ? &count : nullptr) {
    if (count_ != nullptr) ++*count_;
  }
  UserSlot(UserSlot&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  UserSlot& operator=(UserSlot&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~UserSlot() {
    if (count_ != nullptr) --*count_;
  }

  explicit operator bool() const { return count_ != nullptr; }
  void give_back() { *this = UserSlot(); }

 private:
  std::uint32_t* count_ = nullptr;
};

// What a lane is counted as.
struct LaneSlots {
  UserSlot lane;
  UserSlot rings;         // empty: it has none
  UserSlot rings_of_all;  // likewise

  bool with_rings() const { return rings && rings_of_all; }
  void give_back_rings() {
    rings.give_back();
    rings_of_all.give_back();
  }
};

// What the open windows of a lane are counted as: nothing unless it is both.
struct WindowSlots {
  UserSlot of_user;
  UserSlot of_all;
};

class Users {
 public:
  explicit Users(const UserLimits& limits) : limits_(limits) {}

  const UserLimits& limits() const { return limits_; }
  // The user with that id, entered if new. Valid as long as Users is.
  User& find(uid_t uid);

  UserSlot take_task(User& user) { return {user.tasks, limits_.tasks}; }
  UserSlot take_watch(User& user) { return {user.watches, limits_.watches}; }
  UserSlot take_lane(User& user) { return {user.lanes, limits_.lanes}; }
  // Unless slots.with_rings() then, the user or all users together have as many as they may.
  void take_rings(User& user, LaneSlots& slots) {
    slots.rings = {user.ring_lanes, limits_.ring_lanes};
    slots.rings_of_all = {ring_lanes_, limits_.ring_lanes_of_all};
  }
  WindowSlots take_windows(User& user) {
    return {{user.windows, limits_.windows}, {windows_, limits_.windows_of_all}};
  }
  UserSlot take_handshake(User& user) { return {user.handshakes, limits_.handshakes}; }
  UserSlot take_inheritance(User& user) { return {user.inheritances, limits_.inheritances}; }

  // May the user, and may the daemon, have more descriptors of files?
  bool has_room_for_files(const User& user) const {
    return user.files->files < limits_.files && files_->files < limits_.files_of_all;
  }
  // May more be taken nevertheless, only to be closed? That much more that whose closing is slow keeps room for others.
  bool may_take_files_in_vain(const User& user) const {
    return user.files->files + files_->files < 2 * (limits_.files_of_all + local::kFilesMax);
  }
  // Takes `fd` over. What one call of the kernel's has brought is taken whole, so that the limits may be exceeded
  // by that much.
  ClientFile take_file(User& user, int fd) { return {user.closer, {fd, user.files, files_}}; }
  std::uint32_t files() const { return files_->files; }

 private:
  UserLimits limits_;
  const std::shared_ptr<FileCount> files_ = std::make_shared<FileCount>();
  std::uint32_t ring_lanes_ = 0;
  std::uint32_t windows_ = 0;
  std::map<uid_t, std::unique_ptr<User>> users_;
};

}  // namespace netmsg::session
