// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/message_parser.h"

#include <string>
#include <utility>

#include "tests/conformance/scan.h"

namespace netmsg::conformance {

using namespace scan;

namespace {

void parse_flag(Item& item, Word flag) {
  constexpr std::pair<Word, bool Item::*> kFlags[] = {
      {"ool", &Item::out_of_line},   {"dealloc", &Item::deallocate},  {"long", &Item::long_form},
      {"unused", &Item::unused},     {"badaddr", &Item::bad_address}, {"nulladdr", &Item::null_address},
      {"badhdr", &Item::bad_header},
  };
  for (const auto& [word, member] : kFlags) {
    if (word == flag) {
      item.*member = true;
      return;
    }
  }
  if (take_prefix(flag, "size")) {
    item.size_field = parse_u32(flag);
  } else if (take_prefix(flag, "number")) {
    item.number_field = parse_u32(flag);
  } else {
    fail("not a flag: " + std::string(flag));
  }
}

void parse_flags(Item& item, Word flags) {
  if (flags.empty()) return;
  for (const Word flag : split(flags, '+')) parse_flag(item, flag);
}

Item parse_data(Word word) {
  Item item;
  item.type = value_of(kTypes, next(word, ':'));
  item.bits = parse_u32(next(word, ':'));
  item.count = parse_u32(next(word, ':'));
  Word content = next(word, ':');
  if (take_prefix(content, "value")) {
    item.value = parse_u32(content);
  } else {
    item.seed = parse_u32(content);
  }
  parse_flags(item, word);
  return item;
}

std::optional<Item> parse_item(Word word) {
  if (take_prefix(word, "D:")) return parse_data(word);
  Item item;
  if (take_prefix(word, "P:")) {
    item.kind = Item::Kind::kPorts;
    item.type = value_of(kTypes, next(word, ':'));
  } else if (take_prefix(word, "N:")) {
    item.kind = Item::Kind::kNames;
    item.type = MACH_MSG_TYPE_PORT_NAME;
  } else {
    return std::nullopt;
  }
  item.names = parse_names(next(word, ':'));
  parse_flags(item, word);
  return item;
}

ToldSize parse_told_size(Word word) {
  if (word == "?") return {};
  if (word == "notification") return {ToldSize::Kind::kOfNotification, 0};
  if (!take_prefix(word, "#")) fail("not a size: " + std::string(word));
  return {ToldSize::Kind::kOfOperation, parse_u32(word)};
}

void parse_local(Message& message, Word word) {
  Word rest = word;
  if (take_prefix(rest, "PROTECTED_PAYLOAD:0x")) {
    message.local.type = MACH_MSG_TYPE_PROTECTED_PAYLOAD;
    message.payload = static_cast<std::uint64_t>(parse_number(word.substr(word.find(':') + 1)));
  } else {
    message.local = parse_port(word);
  }
}

// The parts that a message has both ways. False: the word is not one of them.
bool parse_message_word(Message& message, Word word) {
  if (std::optional<Item> item = parse_item(word)) {
    message.items.push_back(std::move(*item));
  } else if (take_prefix(word, "R=")) {
    message.remote = parse_port(word);
  } else if (take_prefix(word, "L=")) {
    parse_local(message, word);
  } else if (take_prefix(word, "id=")) {
    message.id = static_cast<std::int32_t>(parse_number(word));
  } else if (take_prefix(word, "cx=")) {
    message.complex = word == "1";
  } else if (take_prefix(word, "xbits=")) {
    message.extra_bits = parse_u32(word);
  } else {
    return false;
  }
  return true;
}

}  // namespace

SizeRef parse_size(Word word) {
  SizeRef size;
  const std::size_t sign = word.find_first_of("+-");
  if (sign != Word::npos) {
    const auto amount = static_cast<std::int32_t>(parse_number(word.substr(sign + 1)));
    size.offset = word[sign] == '-' ? -amount : amount;
    word = word.substr(0, sign);
  }
  if (word == "big") return size;
  if (word == "hdr") {
    size.base = SizeRef::Base::kHeader;
    return size;
  }
  size.base = take_prefix(word, "#") ? SizeRef::Base::kOperation : SizeRef::Base::kBytes;
  size.number = parse_u32(word);
  return size;
}

bool parse_sent_word(Message& message, Word word) {
  if (parse_message_word(message, word)) return true;
  if (take_prefix(word, "cut=")) {
    message.cut = parse_u32(word);
  } else if (take_prefix(word, "pad=")) {
    message.pad = parse_u32(word);
  } else if (take_prefix(word, "sz=")) {
    message.size = parse_size(word);
  } else {
    return false;
  }
  return true;
}

bool parse_received_word(Written& written, Word word) {
  Message& message = written.message;
  if (parse_message_word(message, word)) return true;
  if (take_prefix(word, "seqno=")) {
    message.seqno = parse_u32(word);
  } else if (take_prefix(word, "size=")) {
    written.size = parse_told_size(word);
  } else if (word == "RAW") {
    message.body = Message::Body::kRaw;
  } else if (word == "TRUNC") {
    message.body = Message::Body::kTruncated;
  } else {
    return false;
  }
  return true;
}

}  // namespace netmsg::conformance
