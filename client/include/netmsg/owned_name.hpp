// SPDX-License-Identifier: Apache-2.0
// A name in the own task's port space, with the reference, right or set it stands for: owned by one object, given
// up in its destructor. States: empty (MACH_PORT_NULL), owning, and owning in another task: the objects that the
// child of a fork has inherited. Its space is another one, where the name means nothing or something else: such
// an object gives nothing up.
// Threads: as any value, one at a time; different objects at once, also with the same name.
#pragma once

#include <mach.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace netmsg::detail {

// How many forks ago the first of our ancestors was. Names are of one generation.
inline std::atomic<std::uint32_t> generation{0};
inline const bool forks_are_counted =
    ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); }) == 0;

// Whose names an object holds: this task's, or those of the one that this task is a fork of.
class Space {
 public:
  bool is_ours() const { return generation_ == generation.load(std::memory_order_relaxed); }

 private:
  std::uint32_t generation_ = generation.load(std::memory_order_relaxed);
};

using DropName = void (*)(mach_port_name_t);

template <DropName drop>
class OwnedName {
 public:
  mach_port_name_t name() const { return name_; }
  // Neither MACH_PORT_NULL nor MACH_PORT_DEAD.
  explicit operator bool() const { return MACH_PORT_VALID(name_); }

  // The caller's now, to be given up by hand.
  [[nodiscard]] mach_port_name_t release() { return std::exchange(name_, MACH_PORT_NULL); }
  // Gives it up now.
  void reset() {
    if (MACH_PORT_VALID(name_) && space_.is_ours()) drop(name_);
    name_ = MACH_PORT_NULL;
  }

 protected:
  OwnedName() = default;
  explicit OwnedName(mach_port_name_t name) : name_(name) {}
  ~OwnedName() { reset(); }
  OwnedName(OwnedName&& other) noexcept : name_(other.release()), space_(other.space_) {}
  OwnedName& operator=(OwnedName&& other) noexcept {
    if (this == &other) return *this;
    reset();
    name_ = other.release();
    space_ = other.space_;
    return *this;
  }

 private:
  mach_port_name_t name_ = MACH_PORT_NULL;
  Space space_;
};

// A send-once right, or one reference to a send right; also when it has become a dead name. A receive right
// under the same name is not touched.
inline void drop_reference(mach_port_name_t name) {
  mach_port_deallocate(mach_task_self(), name);
}
// Send rights under the same name stay, as dead names.
inline void drop_receive(mach_port_name_t name) {
  mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
}
// One reference to a dead name; nothing if the name is of anything else.
inline void drop_dead_name(mach_port_name_t name) {
  mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_DEAD_NAME, -1);
}
// The members stay, in no set.
inline void drop_set(mach_port_name_t name) {
  mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_PORT_SET, -1);
}

}  // namespace netmsg::detail
