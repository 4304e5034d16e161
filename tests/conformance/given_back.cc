// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/given_back.h"

#include <cstring>
#include <vector>

namespace netmsg::conformance {

namespace {

// The symbols of a message in the order in which the kernel freed them, each where it is mentioned last.
std::vector<Symbol> mentioned(const Message& message) {
  std::vector<NameRef> mentions{message.local.name, message.remote.name};
  if (is_complex(message)) {
    for (const Item& item : message.items) {
      if (item.kind == Item::Kind::kPorts)
        mentions.insert(mentions.end(), item.names.begin(), item.names.end());
    }
  }
  std::vector<Symbol> symbols;
  for (const NameRef& name : mentions) {
    if (!is_symbol(name)) continue;
    std::erase(symbols, name.symbol);
    symbols.push_back(name.symbol);
  }
  return symbols;
}

std::vector<Name> names_given_back(const Bytes& bytes, const Sent& sent, const ReadMemory& read_memory) {
  mach_msg_header_t header;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::vector<Name> names{header.msgh_remote_port, header.msgh_local_port};
  if (!is_complex(*sent.message)) return names;
  const std::vector<Name> items = names_in_items(sent.encoded, bytes, read_memory);
  names.insert(names.end(), items.begin(), items.end());
  return names;
}

}  // namespace

void rename_given_back(CaseNames& names, SpaceId space, const Sent& sent, const Bytes& bytes,
                       const ReadMemory& read_memory) {
  Symbols& symbols = names.of(space);
  std::vector<Symbol> freed;
  for (const Symbol symbol : mentioned(*sent.message)) {
    if (symbols.is_bound(symbol) && names.denotes_nothing(space, symbols.number(symbol)))
      freed.push_back(symbol);
  }
  for (const Name name : names_given_back(bytes, sent, read_memory)) {
    if (!MACH_PORT_NAME_VALID(name) || symbols.symbol_of(name)) continue;
    if (freed.empty()) {
      names.leave_unnamed(space, name);
      continue;
    }
    symbols.rebind(freed.back(), name);
    freed.pop_back();
  }
}

Written given_back_unchanged(const Message& sent) {
  Written unchanged{.kind = Written::Kind::kGivenBack, .message = sent};
  unchanged.message.complex = is_complex(sent);
  unchanged.message.extra_bits &= ~MACH_MSGH_BITS_CIRCULAR;
  return unchanged;
}

}  // namespace netmsg::conformance
