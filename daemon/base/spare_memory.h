// SPDX-License-Identifier: Apache-2.0
// The memory of objects that have died, for the next ones of their kind: for those that are born and die with each message.
// Keeps a bounded number. Under a sanitizer it keeps none, so that a use after death is seen. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace netmsg::base {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t kSparesMax = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr std::size_t kSparesMax = 0;
#else
inline constexpr std::size_t kSparesMax = 64;
#endif
#else
inline constexpr std::size_t kSparesMax = 64;
#endif

template <typename T>
class SpareMemory {
 public:
  SpareMemory() = default;
  SpareMemory(const SpareMemory&) = delete;
  SpareMemory& operator=(const SpareMemory&) = delete;
  ~SpareMemory() {
    while (count_ > 0) ::operator delete(kept_[--count_]);
  }

  // Room for one T.
  void* take() { return count_ > 0 ? kept_[--count_] : ::operator new(sizeof(T)); }
  // What take() gave, with nothing living in it.
  void give(void* memory) noexcept {
    if (count_ < kSparesMax)
      kept_[count_++] = memory;
    else
      ::operator delete(memory);
  }

 private:
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  std::array<void*, kSparesMax> kept_;
  std::size_t count_ = 0;
};

}  // namespace netmsg::base
