// SPDX-License-Identifier: Apache-2.0
#include "daemon/names/wire.h"

#include <mach/mig_errors.h>

#include <algorithm>
#include <cstring>

namespace netmsg::names {
namespace {

using ipc::Bytes;
using ipc::Name;

// A descriptor as one number (02 §5): all 64 bits count.
constexpr std::uint64_t descriptor(unsigned name, unsigned bits, bool longform) {
  return name | std::uint64_t{bits} << 8 | 1ULL << 29 | std::uint64_t{longform} << 30 | 1ULL << 32;
}
constexpr std::uint64_t kStringItem = descriptor(MACH_MSG_TYPE_STRING, 640, true);
constexpr std::uint64_t kPortItem = descriptor(MACH_MSG_TYPE_PORT_SEND, 64, false);
constexpr std::uint64_t kCodeItem = descriptor(MACH_MSG_TYPE_INTEGER_32, 32, false);

struct StringField {
  std::uint64_t type;
  char text[kNameMax + 1];
};
struct PortField {
  std::uint64_t type;
  std::uint32_t name;
  std::uint32_t zero;
};
struct CodeField {
  std::uint64_t type;
  std::int32_t code;
  std::uint32_t zero;
};

struct CheckInMessage {
  mach_msg_header_t head;
  StringField name;
  PortField signature;
  PortField port;
};
struct LookUpMessage {
  mach_msg_header_t head;
  StringField host;
  StringField name;
};
struct CheckOutMessage {
  mach_msg_header_t head;
  StringField name;
  PortField signature;
};
struct CodeReply {
  mach_msg_header_t head;
  CodeField code;
};
struct LookUpReply {
  mach_msg_header_t head;
  CodeField code;
  PortField port;
};
struct VersionReply {
  mach_msg_header_t head;
  CodeField code;
  StringField version;
};
static_assert(sizeof(CheckInMessage) == kCheckInSize);
static_assert(sizeof(LookUpMessage) == kLookUpSize);
static_assert(sizeof(CheckOutMessage) == kCheckOutSize);
static_assert(sizeof(mach_msg_header_t) == kVersionSize);
static_assert(sizeof(CodeReply) == kCodeReplySize);
static_assert(sizeof(LookUpReply) == kLookUpReplySize);
static_assert(sizeof(VersionReply) == kVersionReplySize);

template <typename Layout>
Layout read(const Bytes& message) {
  Layout layout;
  std::memcpy(&layout, message.data(), sizeof(layout));
  return layout;
}

template <typename Layout>
Bytes written(const Layout& layout) {
  Bytes bytes(sizeof(layout));
  std::memcpy(bytes.data(), &layout, sizeof(layout));
  return bytes;
}

std::string text_of(const StringField& field) {
  return {field.text, ::strnlen(field.text, kNameMax)};
}

StringField string_field(const std::string& text) {
  StringField field{kStringItem, {}};
  std::memcpy(field.text, text.data(), std::min(text.size(), kNameMax));
  return field;
}

CodeField code_field(kern_return_t code) {
  return {kCodeItem, code, 0};
}

mach_msg_header_t reply_header(const ReplyTo& to, std::uint32_t size) {
  mach_msg_header_t head{};
  head.msgh_bits = MACH_MSGH_BITS(to.type, 0);
  head.msgh_size = size;
  head.msgh_remote_port = to.name;
  head.msgh_id = static_cast<mach_msg_id_t>(static_cast<std::uint32_t>(to.id) + kReplyIdOffset);
  return head;
}

}  // namespace

std::string fold(const std::string& name) {
  std::string folded = name.substr(0, kNameMax);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

mach_msg_header_t header_of(const Bytes& message) {
  return read<mach_msg_header_t>(message);
}

bool is_complex(const Bytes& message) {
  return (header_of(message).msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
}

ReplyTo reply_to(const Bytes& message) {
  const mach_msg_header_t head = header_of(message);
  if (!ipc::is_valid_name(head.msgh_remote_port)) return {ipc::kNullName, 0, head.msgh_id};
  return {head.msgh_remote_port, MACH_MSGH_BITS_REMOTE(head.msgh_bits), head.msgh_id};
}

std::optional<CheckIn> decode_check_in(const Bytes& message) {
  const auto in = read<CheckInMessage>(message);
  if (in.name.type != kStringItem || in.signature.type != kPortItem || in.port.type != kPortItem)
    return std::nullopt;
  return CheckIn{text_of(in.name), in.signature.name, in.port.name};
}

std::optional<LookUp> decode_look_up(const Bytes& message) {
  const auto in = read<LookUpMessage>(message);
  if (in.host.type != kStringItem || in.name.type != kStringItem) return std::nullopt;
  return LookUp{text_of(in.host), text_of(in.name)};
}

std::optional<CheckOut> decode_check_out(const Bytes& message) {
  const auto in = read<CheckOutMessage>(message);
  if (in.name.type != kStringItem || in.signature.type != kPortItem) return std::nullopt;
  return CheckOut{text_of(in.name), in.signature.name};
}

Bytes code_reply(const ReplyTo& to, kern_return_t code) {
  return written(CodeReply{reply_header(to, kCodeReplySize), code_field(code)});
}

Bytes look_up_reply(const ReplyTo& to, Name port, mach_msg_type_name_t disposition) {
  LookUpReply out{reply_header(to, kLookUpReplySize), code_field(KERN_SUCCESS), {}};
  out.head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  out.port = {descriptor(disposition, 64, false), port, 0};
  return written(out);
}

Bytes version_reply(const ReplyTo& to, const std::string& version) {
  return written(
      VersionReply{reply_header(to, kVersionReplySize), code_field(KERN_SUCCESS), string_field(version)});
}

Bytes look_up_request(Name server, Name reply_port, const std::string& name) {
  LookUpMessage out{{}, string_field(""), string_field(name)};
  out.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  out.head.msgh_size = kLookUpSize;
  out.head.msgh_remote_port = server;
  out.head.msgh_local_port = reply_port;
  out.head.msgh_id = kLookUpId;
  return written(out);
}

LookUpAnswer decode_look_up_reply(const Bytes& message) {
  constexpr LookUpAnswer kNone{MIG_TYPE_ERROR, ipc::kNullName};
  if (header_of(message).msgh_id != kLookUpId + kReplyIdOffset) return kNone;
  if (reply_to(message).type != 0) return kNone;
  if (message.size() == kCodeReplySize && !is_complex(message)) {
    const CodeField said = read<CodeReply>(message).code;
    return said.type == kCodeItem && said.code != KERN_SUCCESS ? LookUpAnswer{said.code, ipc::kNullName}
                                                               : kNone;
  }
  if (message.size() != kLookUpReplySize || !is_complex(message)) return kNone;
  const auto in = read<LookUpReply>(message);
  const bool good = in.code.type == kCodeItem && in.code.code == KERN_SUCCESS && in.port.type == kPortItem;
  return good && ipc::is_valid_name(in.port.name) ? LookUpAnswer{KERN_SUCCESS, in.port.name} : kNone;
}

}  // namespace netmsg::names
