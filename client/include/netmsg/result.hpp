// SPDX-License-Identifier: Apache-2.0
// What calls give: a value, or an Error, which is a Mach code and its text. There are no exceptions but those of the
// standard library (std::bad_alloc, where a header says so) and of the program's own handlers. A Result must
// be looked at; value() of one that holds an error ends the program with the code's text on stderr, which is what
// small programs want of what cannot fail. Threads: as any value, one at a time.
#pragma once

#include <mach.h>

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

namespace netmsg {

// A code that is not success: KERN_, MACH_SEND_, MACH_RCV_, MIG_, NETNAME_ or a server's own.
class Error {
 public:
  // REQUIRES: code is not KERN_SUCCESS.
  explicit Error(kern_return_t code) : code_(code) {}

  // As the call gave it, with its detail bits.
  kern_return_t code() const { return code_; }
  // Without them: what to compare with. Only codes of mach_msg have some (spec 03 §8).
  kern_return_t basic() const {
    return err_get_system(code_) == kMessageSystem ? code_ & ~MACH_MSG_MASK : code_;
  }
  // The text for it, such as "(ipc/send) timed out".
  const char* text() const { return mach_error_string(code_); }

 private:
  static constexpr int kMessageSystem = err_get_system(err_mach_ipc);

  kern_return_t code_;
};

namespace detail {

[[noreturn]] inline void end_for_want_of_a_value(const Error& error) {
  std::fprintf(stderr, "netmsg: %s (0x%x)\n", error.text(), static_cast<unsigned>(error.code()));
  std::abort();
}

}  // namespace detail

// A T, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, all of them: `return value;` and `return error;` are what a result is for.
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error) : held_(std::in_place_index<1>, error) {}         // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return held_.index() == 0; }

  // Ends the program if there is none.
  T& value() & { return *checked(); }
  const T& value() const& { return *const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(*checked()); }
  T& operator*() & { return *checked(); }
  T&& operator*() && { return std::move(*checked()); }
  const T& operator*() const& { return value(); }
  T* operator->() { return checked(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: there is no value.
  Error error() const { return *std::get_if<1>(&held_); }
  // KERN_SUCCESS if there is a value.
  kern_return_t code() const { return *this ? KERN_SUCCESS : error().code(); }

 private:
  T* checked() {
    if (!*this) detail::end_for_want_of_a_value(error());
    return std::get_if<0>(&held_);
  }

  std::variant<T, Error> held_;
};

// Done, or why not. `Result<void>` may be returned as `{}`.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : code_(error.code()) {}  // NOLINT(google-explicit-constructor): as above
  // Of a call's code: KERN_SUCCESS is no error.
  static Result of(kern_return_t code) { return code == KERN_SUCCESS ? Result() : Result(Error(code)); }

  explicit operator bool() const { return code_ == KERN_SUCCESS; }

  // Ends the program if there was an error.
  void value() const {
    if (!*this) detail::end_for_want_of_a_value(error());
  }
  // REQUIRES: there was one.
  Error error() const { return Error(code_); }
  kern_return_t code() const { return code_; }

 private:
  kern_return_t code_ = KERN_SUCCESS;
};

}  // namespace netmsg
