// SPDX-License-Identifier: Apache-2.0
// The engine's words for the constants of the ABI (spec 02 §4, 01 §3). ABI numbers enter and leave through
// here.
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace netmsg::ipc {

using Name = mach_port_name_t;
using Bytes = std::vector<std::byte>;

inline constexpr Name kNullName = MACH_PORT_NULL;
inline constexpr Name kDeadName = static_cast<Name>(MACH_PORT_DEAD);

// The name of a task's own port in its space: the same in every space, so that nobody has to look it up.
inline constexpr Name kTaskSelfName = 1;

inline bool is_valid_name(Name name) {
  return name != kNullName && name != kDeadName;
}

// How a sender's right is obtained (spec 04 §1). Values are those of the ABI.
enum class Disposition : std::uint8_t {
  kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE,
  kMoveSend = MACH_MSG_TYPE_MOVE_SEND,
  kMoveSendOnce = MACH_MSG_TYPE_MOVE_SEND_ONCE,
  kCopySend = MACH_MSG_TYPE_COPY_SEND,
  kMakeSend = MACH_MSG_TYPE_MAKE_SEND,
  kMakeSendOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE,
};

inline constexpr int kDispositionFirst = MACH_MSG_TYPE_MOVE_RECEIVE;
inline constexpr int kDispositionCount = 6;

inline bool is_disposition(mach_msg_type_name_t type) {
  return type >= MACH_MSG_TYPE_MOVE_RECEIVE && type <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
}
// A receive right cannot be named in a header (spec 02 §3).
inline bool is_header_disposition(mach_msg_type_name_t type) {
  return is_disposition(type) && type != MACH_MSG_TYPE_MOVE_RECEIVE;
}

// What a right is once it is in a message (spec 04 §1 note 5).
enum class RightType : std::uint8_t {
  kNone = 0,
  kReceive = MACH_MSG_TYPE_PORT_RECEIVE,
  kSend = MACH_MSG_TYPE_PORT_SEND,
  kSendOnce = MACH_MSG_TYPE_PORT_SEND_ONCE,
};

constexpr RightType received_type(Disposition disposition) {
  switch (disposition) {
    case Disposition::kMoveReceive:
      return RightType::kReceive;
    case Disposition::kMoveSend:
    case Disposition::kCopySend:
    case Disposition::kMakeSend:
      return RightType::kSend;
    case Disposition::kMoveSendOnce:
    case Disposition::kMakeSendOnce:
      return RightType::kSendOnce;
  }
  return RightType::kNone;
}

// The answer of a call: a value, or the kern_return code that says why there is none.
struct Fail {
  kern_return_t code;
};

template <typename T>
class [[nodiscard]] Kern {
 public:
  Kern(T value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor): reads as `return value`
  Kern(Fail fail) : state_(fail) {}  // NOLINT(google-explicit-constructor): reads as `return Fail{code}`

  bool ok() const { return std::holds_alternative<T>(state_); }
  // KERN_SUCCESS if there is a value.
  kern_return_t code() const { return ok() ? KERN_SUCCESS : std::get<Fail>(state_).code; }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }

 private:
  std::variant<T, Fail> state_;
};

}  // namespace netmsg::ipc
