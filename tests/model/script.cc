// SPDX-License-Identifier: Apache-2.0
#include "tests/model/script.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <span>
#include <utility>

#include "tests/conformance/words.h"

namespace netmsg::model {

namespace {

using namespace conformance;

template <typename Number>
std::string to_hex(Number number) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), kDigits[number % 16]);
    number /= 16;
  } while (number != 0);
  return "0x" + digits;
}

template <typename Entries>
std::string word_for(const Entries& entries, std::uint32_t value) {
  for (const Named& entry : entries) {
    if (entry.value == value) return std::string(entry.word);
  }
  return "#" + std::to_string(value);
}

// The words of received rights and of data come last in the table.
std::string last_word_for(std::uint32_t value) {
  for (auto entry = std::rbegin(kTypes); entry != std::rend(kTypes); ++entry) {
    if (entry->value == value) return std::string(entry->word);
  }
  return "#" + std::to_string(value);
}

std::string received_type(std::uint32_t type) {
  return type == 0 ? "NONE" : last_word_for(type);
}

std::string thread_word(Thread thread) {
  return std::string(thread.space == SpaceId::kT0 ? "t0" : "t1") + (thread.second ? "b" : "");
}

std::string space_word(SpaceId space) {
  return thread_word({space, false});
}

// Whose names and words a message has: those of its sender, or of its receiver.
struct Side {
  SpaceId space;
  bool received;
};

class Writer {
 public:
  std::string text(const Case& recorded) {
    std::string all = "@format mach-ipc-trace 1\n@cases 1\n\n@case " + recorded.name + "\n";
    for (const Operation& operation : recorded.operations) {
      numbers_[operation.number] = static_cast<std::uint32_t>(numbers_.size()) + 1;
      all += line_of(operation) + "\n" + results_of(operation);
    }
    return all + "@end\n";
  }

 private:
  // --- names ---
  std::string name(const NameRef& ref, SpaceId space) {
    if (ref.kind == NameRef::Kind::kNull) return "NULL";
    if (ref.kind == NameRef::Kind::kDead) return "DEAD";
    if (ref.kind == NameRef::Kind::kBogus) return "BOGUS";
    auto& symbols = symbols_[static_cast<std::size_t>(space)];
    const auto fresh = static_cast<std::uint32_t>(symbols.size()) + 1;
    return "p" + std::to_string(symbols.emplace(ref.symbol, fresh).first->second);
  }

  // A datum: the space is told if it is another one.
  std::string datum(const NameRef& ref, SpaceId space) {
    const SpaceId owner = ref.space.value_or(space);
    return (owner == space ? "" : space_word(owner) + "/") + name(ref, owner);
  }

  std::string names(const std::vector<NameRef>& refs, SpaceId space) {
    std::string list;
    for (const NameRef& ref : refs) list += (list.empty() ? "" : ",") + datum(ref, space);
    return list;
  }

  // --- operations ---
  std::string argument(const Operation& operation, char letter) {
    switch (letter) {
      case 'n':
        return name(operation.name, operation.target);
      case 'o':
        return name(operation.other, operation.target);
      case 'r':
        return word_for(kRights, operation.right);
      case 'a':
        return std::to_string(operation.amount);
      case 'v':
        return word_for(kVariants, static_cast<std::uint32_t>(operation.variant));
      case 'd':
        return word_for(kTypes, operation.poly.type);
      default:
        return word_for(kTypes, operation.poly.type) + ":" +
               name(operation.poly.name, operation.thread.space);
    }
  }

  std::string line_of(const Operation& operation) {
    std::string line = std::to_string(numbers_[operation.number]) + " ";
    if (operation.verb == Verb::kStart)
      return line + "start " + thread_word(operation.thread) + " " + call(operation, true);
    if (operation.verb == Verb::kMachMsg) return line + call(operation, false);
    const auto form = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                   [&](const VerbForm& one) { return one.verb == operation.verb; });
    line += std::string(form->word) + " " + thread_word(operation.thread);
    for (const char letter : form->arguments) line += " " + argument(operation, letter);
    if (operation.target != operation.thread.space) line += " on=" + space_word(operation.target);
    return line;
  }

  std::string call(const Operation& operation, bool started) {
    const MsgCall& call = operation.call;
    const SpaceId space = operation.thread.space;
    const bool receives = (call.option & MACH_RCV_MSG) != 0;
    std::string line = !call.message ? "recv" : receives ? "rpc" : "send";
    if (!started) line += " " + thread_word(operation.thread);
    if (!call.message) line += " " + name(call.receive_name, space);
    if (call.message) line += message(*call.message, {space, false}) + shape(*call.message);
    if (call.message && receives) line += " rcv=" + name(call.receive_name, space);
    line += options(call.option);
    if (call.timeout_ms != 0) line += " to=" + std::to_string(call.timeout_ms);
    if (call.notify.kind != NameRef::Kind::kNull) line += " nf=" + name(call.notify, space);
    if (receives && call.buffer.base != SizeRef::Base::kBig) line += " buf=" + size(call.buffer);
    return line;
  }

  static std::string options(std::int32_t option) {
    std::string words;
    for (const Named& known : kOptions) {
      if ((static_cast<std::uint32_t>(option) & known.value) == 0) continue;
      words += (words.empty() ? " opt=" : "+") + std::string(known.word);
    }
    return words;
  }

  std::string size(const SizeRef& size) {
    std::string text = size.base == SizeRef::Base::kHeader  ? "hdr"
                       : size.base == SizeRef::Base::kBytes ? std::to_string(size.number)
                                                            : "#" + std::to_string(numbers_[size.number]);
    if (size.offset > 0) text += "+";
    if (size.offset != 0) text += std::to_string(size.offset);
    return text;
  }

  std::string shape(const Message& message) {
    std::string text;
    if (message.cut != 0) text += " cut=" + std::to_string(message.cut);
    if (message.pad != 0) text += " pad=" + std::to_string(message.pad);
    if (message.size) text += " sz=" + size(*message.size);
    return text;
  }

  // --- messages ---
  std::string message(const Message& message, Side side) {
    const auto type = [&](std::uint32_t value) {
      return side.received ? received_type(value) : word_for(kTypes, value);
    };
    std::string text = " R=" + type(message.remote.type) + ":" + name(message.remote.name, side.space);
    text += " L=" + type(message.local.type) + ":";
    text += message.payload ? to_hex(*message.payload) : name(message.local.name, side.space);
    text += " id=" + std::to_string(message.id);
    if (message.complex) text += *message.complex ? " cx=1" : " cx=0";
    if (message.extra_bits != 0) text += " xbits=" + to_hex(message.extra_bits);
    for (const Item& one : message.items) text += " " + item(one, side);
    if (message.body == Message::Body::kRaw) text += " RAW";
    if (message.body == Message::Body::kTruncated) text += " TRUNC";
    return text;
  }

  std::string item(const Item& item, Side side) {
    switch (item.kind) {
      case Item::Kind::kPorts:
        return "P:" + (side.received ? received_type(item.type) : word_for(kTypes, item.type)) + ":" +
               names(item.names, side.space) + flags(item);
      case Item::Kind::kNames:
        return "N:" + names(item.names, side.space) + flags(item);
      case Item::Kind::kData:
        break;
    }
    return "D:" + last_word_for(item.type) + ":" + std::to_string(item.bits) + ":" +
           std::to_string(item.count) + ":" +
           (item.value ? "value" + std::to_string(*item.value) : std::to_string(item.seed)) + flags(item);
  }

  static std::string flags(const Item& item) {
    const std::pair<bool, std::string> all[] = {
        {item.out_of_line, "ool"},
        {item.deallocate, "dealloc"},
        {item.long_form, "long"},
        {item.unused, "unused"},
        {item.bad_address, "badaddr"},
        {item.null_address, "nulladdr"},
        {item.size_field.has_value(), "size" + std::to_string(item.size_field.value_or(0))},
        {item.number_field.has_value(), "number" + std::to_string(item.number_field.value_or(0))},
    };
    std::string text;
    for (const auto& [set, word] : all) {
      if (set) text += (text.empty() ? ":" : "+") + word;
    }
    return text;
  }

  // --- results ---
  std::string results_of(const Operation& operation) {
    const Expected& expected = operation.expected;
    const SpaceId caller = operation.thread.space;
    std::string text = " > " + expected.code + extras(operation) + "\n";
    if (expected.previous) text += " > previous=" + name(*expected.previous, caller) + "\n";
    if (expected.right) {
      text +=
          " > right=" + received_type(expected.right->type) + ":" + name(expected.right->name, caller) + "\n";
    }
    if (expected.written) text += written(*expected.written, caller);
    for (const State& state : expected.states) {
      text += " = " + space_word(*state.name.space) + ":" + name(state.name, *state.name.space) + " " +
              state_of(state) + "\n";
    }
    return expected.code.empty() && expected.states.empty() ? "" : text;
  }

  std::string extras(const Operation& operation) {
    const Expected& expected = operation.expected;
    std::string text;
    if (expected.name) text += " name=" + name(*expected.name, operation.target);
    if (expected.number) {
      text += (operation.verb == Verb::kType ? " type=" : " refs=") + std::to_string(*expected.number);
    }
    if (expected.names) {
      text += (operation.verb == Verb::kNames ? " names=" : " members=") +
              names(*expected.names, operation.target);
    }
    for (std::size_t at = 0; at < expected.memory_kept.size(); ++at) {
      text += (at == 0 ? " ool=" : ",") + std::string(expected.memory_kept[at] ? "kept" : "gone");
    }
    return text;
  }

  std::string written(const Written& written, SpaceId receiver) {
    constexpr std::string_view kLetters = "MBHZ";
    std::string text = std::string(" ") + kLetters[static_cast<std::size_t>(written.kind)];
    if (written.kind != Written::Kind::kSizeOnly) text += message(written.message, {receiver, true});
    const bool stamped =
        written.kind == Written::Kind::kReceived || written.kind == Written::Kind::kHeaderOnly;
    if (stamped) text += " seqno=" + std::to_string(written.message.seqno);
    const bool sized = written.kind == Written::Kind::kHeaderOnly || written.kind == Written::Kind::kSizeOnly;
    if (sized) text += " size=" + told_size(written.size);
    return text + "\n";
  }

  std::string told_size(const ToldSize& told) {
    if (told.kind == ToldSize::Kind::kNotRecorded) return "?";
    if (told.kind == ToldSize::Kind::kOfNotification) return "notification";
    return "#" + std::to_string(numbers_[told.operation]);
  }

  // The one symbol inside a state is that of the set.
  std::string state_of(const State& state) {
    const std::size_t at = state.text.find("pset=p");
    if (at == std::string::npos) return state.text;
    const auto symbol = static_cast<std::uint32_t>(std::stoul(state.text.substr(at + 6)));
    const NameRef set{.kind = NameRef::Kind::kSymbol, .symbol = symbol};
    return state.text.substr(0, at + 5) + name(set, *state.name.space);
  }

  std::array<std::map<std::uint32_t, std::uint32_t>, 2> symbols_;
  std::map<std::uint32_t, std::uint32_t> numbers_;
};

}  // namespace

std::string to_script(const Case& recorded) {
  return Writer().text(recorded);
}

}  // namespace netmsg::model
