// SPDX-License-Identifier: Apache-2.0
// The messages of the name service (spec 08 §3): layouts, and bytes <-> values. Pure; names of rights are
// numbers here, whoever decodes a message with rights answers for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/ipc/types.h"

namespace netmsg::names {

inline constexpr mach_msg_id_t kCheckInId = 1040;
inline constexpr mach_msg_id_t kLookUpId = 1041;
inline constexpr mach_msg_id_t kCheckOutId = 1042;
inline constexpr mach_msg_id_t kVersionId = 1043;
inline constexpr mach_msg_id_t kReplyIdOffset = 100;

inline constexpr std::uint32_t kCheckInSize = 152;
inline constexpr std::uint32_t kLookUpSize = 208;
inline constexpr std::uint32_t kCheckOutSize = 136;
inline constexpr std::uint32_t kVersionSize = 32;
inline constexpr std::uint32_t kCodeReplySize = 48;
inline constexpr std::uint32_t kLookUpReplySize = 64;
inline constexpr std::uint32_t kVersionReplySize = 136;

inline constexpr std::size_t kNameMax = 79;  // longer names are cut (08 §4.1)

// Names are compared without regard to case: equal names have equal folds. Cut at kNameMax.
std::string fold(const std::string& name);

// Where an answer goes: the reply right of a request, as received, and the request's id.
struct ReplyTo {
  ipc::Name name = ipc::kNullName;
  mach_msg_type_name_t type = 0;  // MACH_MSG_TYPE_PORT_SEND, _SEND_ONCE; 0: there is none
  mach_msg_id_t id = 0;
};

// The three functions below: `message` is a whole received one, a header at least.
mach_msg_header_t header_of(const ipc::Bytes& message);
bool is_complex(const ipc::Bytes& message);
ReplyTo reply_to(const ipc::Bytes& message);

struct CheckIn {
  std::string name;
  ipc::Name signature;
  ipc::Name port;
};
struct LookUp {
  std::string host;
  std::string name;
};
struct CheckOut {
  std::string name;
  ipc::Name signature;
};

// Nothing if a descriptor is not exactly as 08 §3 says. REQUIRES: the message has the size of that request.
std::optional<CheckIn> decode_check_in(const ipc::Bytes& message);
std::optional<LookUp> decode_look_up(const ipc::Bytes& message);
std::optional<CheckOut> decode_check_out(const ipc::Bytes& message);

// Answers: ready to be sent; the reply right moves with them.
ipc::Bytes code_reply(const ReplyTo& to, kern_return_t code);
// Success; `disposition` says how the receiver gets `port`.
ipc::Bytes look_up_reply(const ReplyTo& to, ipc::Name port, mach_msg_type_name_t disposition);
ipc::Bytes version_reply(const ReplyTo& to, const std::string& version);

// A look-up in the server that `server` is a send right for (it is copied), to be answered to a send-once
// right made from `reply_port`. The host is "": that server's own table.
ipc::Bytes look_up_request(ipc::Name server, ipc::Name reply_port, const std::string& name);

// An answer to look_up_request.
struct LookUpAnswer {
  kern_return_t code;  // 0 with a port; else what the server said, MIG_TYPE_ERROR if it is no answer of 08 §3
  ipc::Name port;      // a send right
};
LookUpAnswer decode_look_up_reply(const ipc::Bytes& message);

}  // namespace netmsg::names
