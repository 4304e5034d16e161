// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/trace.h"

#include <charconv>
#include <span>
#include <utility>

#include "tests/conformance/words.h"

namespace netmsg::conformance {

namespace {

// Inside this file only: parse_trace turns it into a TraceError.
struct Malformed {
  std::string what;
};

[[noreturn]] void fail(std::string what) {
  throw Malformed{std::move(what)};
}

std::vector<Word> split(Word text, char separator) {
  std::vector<Word> words;
  while (true) {
    const std::size_t end = text.find(separator);
    words.push_back(text.substr(0, end));
    if (end == Word::npos) return words;
    text.remove_prefix(end + 1);
  }
}

// The words of a line; two spaces are as good as one.
std::vector<Word> words_of(Word line) {
  std::vector<Word> words = split(line, ' ');
  std::erase(words, Word());
  return words;
}

// Cuts `text` at the first separator: what stands before it; `text` keeps what stands after it.
Word next(Word& text, char separator) {
  const std::size_t end = text.find(separator);
  const Word word = text.substr(0, end);
  text = end == Word::npos ? Word() : text.substr(end + 1);
  return word;
}

bool take_prefix(Word& text, Word prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// ---------------------------------------------------------------- words with a value

std::int64_t parse_number(Word word) {
  const Word whole = word;
  const bool negative = take_prefix(word, "-");
  const int base = take_prefix(word, "0x") ? 16 : 10;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) fail("not a number: " + std::string(whole));
  return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

std::uint32_t parse_u32(Word word) {
  return static_cast<std::uint32_t>(parse_number(word));
}

std::uint32_t value_of(std::span<const Named> table, Word word) {
  for (const Named& entry : table) {
    if (entry.word == word) return entry.value;
  }
  take_prefix(word, "#");
  return parse_u32(word);
}

// ---------------------------------------------------------------- names

std::optional<SpaceId> parse_space(Word word) {
  if (word == "t0") return SpaceId::kT0;
  if (word == "t1") return SpaceId::kT1;
  return std::nullopt;
}

Thread parse_thread(Word word) {
  const bool second = word.size() == 3 && word.back() == 'b';
  const auto space = parse_space(second ? word.substr(0, 2) : word);
  if (!space) fail("not a thread: " + std::string(word));
  return {*space, second};
}

NameRef parse_name(Word word) {
  if (word == "NULL") return {};
  if (word == "DEAD") return {.kind = NameRef::Kind::kDead};
  if (word == "BOGUS") return {.kind = NameRef::Kind::kBogus};
  NameRef name{.kind = NameRef::Kind::kSymbol};
  const Word whole = word;
  if (word.size() > 3 && (word[2] == ':' || word[2] == '/')) {
    name.space = parse_space(word.substr(0, 2));
    word.remove_prefix(3);
  }
  if (!take_prefix(word, "p")) fail("not a name: " + std::string(whole));
  name.symbol = parse_u32(word);
  return name;
}

std::vector<NameRef> parse_names(Word list) {
  std::vector<NameRef> names;
  if (list.empty()) return names;
  for (const Word word : split(list, ',')) names.push_back(parse_name(word));
  return names;
}

PortField parse_port(Word word) {
  const Word type = next(word, ':');
  return {value_of(kTypes, type), parse_name(word)};
}

// ---------------------------------------------------------------- messages

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

// ---------------------------------------------------------------- operations

void parse_options(MsgCall& call, Word words) {
  for (const Word word : split(words, '+'))
    call.option |= static_cast<std::int32_t>(value_of(kOptions, word));
}

bool parse_call_word(MsgCall& call, Word word) {
  if (take_prefix(word, "opt=")) {
    parse_options(call, word);
  } else if (take_prefix(word, "to=")) {
    call.timeout_ms = parse_u32(word);
  } else if (take_prefix(word, "nf=")) {
    call.notify = parse_name(word);
  } else if (take_prefix(word, "buf=")) {
    call.buffer = parse_size(word);
  } else if (take_prefix(word, "rcv=")) {
    call.receive_name = parse_name(word);
  } else if (word == "msg=bad") {
    call.unmapped = true;
  } else {
    return call.message && parse_sent_word(*call.message, word);
  }
  return true;
}

MsgCall parse_call(Word verb, std::span<const Word> words) {
  MsgCall call;
  if (verb != "recv") {
    call.option |= MACH_SEND_MSG;
    call.message.emplace();
  }
  if (verb != "send") call.option |= MACH_RCV_MSG;
  if (verb == "recv") {
    if (words.empty()) fail("recv without a name");
    call.receive_name = parse_name(words.front());
    words = words.subspan(1);
  }
  for (const Word word : words) {
    if (!parse_call_word(call, word)) fail("not an argument of mach_msg: " + std::string(word));
  }
  return call;
}

const VerbForm& form_of(Word word) {
  for (const VerbForm& form : kVerbs) {
    if (form.word == word) return form;
  }
  fail("not an operation: " + std::string(word));
}

void parse_argument(Operation& operation, char letter, Word word) {
  switch (letter) {
    case 'n':
      operation.name = parse_name(word);
      break;
    case 'o':
      operation.other = parse_name(word);
      break;
    case 'r':
      operation.right = value_of(kRights, word);
      break;
    case 'a':
      operation.amount = parse_number(word);
      break;
    case 'v':
      operation.variant = static_cast<std::int32_t>(value_of(kVariants, word));
      break;
    case 'd':
      operation.poly.type = value_of(kTypes, word);
      break;
    default:
      operation.poly = parse_port(word);
      break;
  }
}

void parse_port_call(Operation& operation, const VerbForm& form, std::span<const Word> words) {
  operation.verb = form.verb;
  if (!words.empty() && words.back().starts_with("on=")) {
    operation.target = parse_thread(words.back().substr(3)).space;
    words = words.first(words.size() - 1);
  }
  if (words.size() != form.arguments.size()) fail("wrong number of arguments");
  for (std::size_t at = 0; at < words.size(); ++at) parse_argument(operation, form.arguments[at], words[at]);
}

bool is_mach_msg(Word verb) {
  return verb == "send" || verb == "recv" || verb == "rpc";
}

// NUMBER OP THREAD ARGUMENTS, or NUMBER start THREAD OP ARGUMENTS.
Operation parse_operation(Word line) {
  const std::vector<Word> words = words_of(line);
  if (words.size() < 3) fail("an operation has a number, a verb and a thread");
  Operation operation;
  operation.number = parse_u32(words[0]);
  operation.thread = parse_thread(words[2]);
  operation.target = operation.thread.space;
  const std::span<const Word> arguments = std::span(words).subspan(3);
  if (words[1] == "start") {
    if (arguments.empty() || !is_mach_msg(arguments[0])) fail("only a mach_msg can be started");
    operation.verb = Verb::kStart;
    operation.call = parse_call(arguments[0], arguments.subspan(1));
  } else if (is_mach_msg(words[1])) {
    operation.verb = Verb::kMachMsg;
    operation.call = parse_call(words[1], arguments);
  } else {
    parse_port_call(operation, form_of(words[1]), arguments);
  }
  return operation;
}

// ---------------------------------------------------------------- results

void parse_extra(Expected& expected, Word word) {
  if (take_prefix(word, "name=")) {
    expected.name = parse_name(word);
  } else if (take_prefix(word, "refs=") || take_prefix(word, "type=")) {
    expected.number = static_cast<std::uint64_t>(parse_number(word));
  } else if (take_prefix(word, "names=") || take_prefix(word, "members=")) {
    expected.names = parse_names(word);
  } else if (take_prefix(word, "ool=")) {
    for (const Word fate : split(word, ',')) expected.memory_kept.push_back(fate == "kept");
  } else {
    fail("not a result: " + std::string(word));
  }
}

void parse_result(Expected& expected, Word line) {
  if (take_prefix(line, "previous=")) {
    expected.previous = parse_name(line);
  } else if (take_prefix(line, "right=")) {
    expected.right = parse_port(line);
  } else {
    expected.code = next(line, ' ');
    for (const Word word : words_of(line)) parse_extra(expected, word);
  }
}

Written parse_written(char kind, Word line) {
  Written written;
  written.kind = kind == 'M'   ? Written::Kind::kReceived
                 : kind == 'B' ? Written::Kind::kGivenBack
                 : kind == 'H' ? Written::Kind::kHeaderOnly
                               : Written::Kind::kSizeOnly;
  for (const Word word : words_of(line)) {
    if (!parse_received_word(written, word)) fail("not a part of a received message: " + std::string(word));
  }
  return written;
}

// One line below an operation, without its leading space.
void parse_below(Expected& expected, Word line) {
  const char kind = line.empty() ? ' ' : line[0];
  line.remove_prefix(std::min<std::size_t>(2, line.size()));
  switch (kind) {
    case '>':
      return parse_result(expected, line);
    case '-':
      expected.unbound.push_back(parse_name(line));
      return;
    case '=': {
      const NameRef name = parse_name(next(line, ' '));
      expected.states.push_back({name, std::string(line)});
      return;
    }
    case 'M':
    case 'B':
    case 'H':
    case 'Z':
      expected.written = parse_written(kind, line);
      return;
    default:
      fail("not a result line");
  }
}

// ---------------------------------------------------------------- the file

class Parser {
 public:
  void line(Word line) {
    if (const std::size_t comment = line.find(" # "); comment != Word::npos) line = line.substr(0, comment);
    if (line.empty()) return;
    if (line[0] == '@') return directive(line.substr(1));
    if (!in_case_) fail("outside of a case");
    if (line[0] != ' ') return trace_.cases.back().operations.push_back(parse_operation(line));
    if (trace_.cases.back().operations.empty()) fail("a result before the first operation");
    parse_below(trace_.cases.back().operations.back().expected, line.substr(1));
  }

  Trace take() {
    if (in_case_) fail("the last case has no end");
    if (announced_ && *announced_ != trace_.cases.size())
      fail("not the number of cases that the header gives");
    return std::move(trace_);
  }

 private:
  void directive(Word line) {
    const Word word = next(line, ' ');
    if (word == "case") {
      in_case_ = true;
      trace_.cases.push_back({std::string(line), {}});
    } else if (word == "end") {
      in_case_ = false;
    } else if (word == "format" && line != "mach-ipc-trace 1") {
      fail("another format: " + std::string(line));
    } else if (word == "cases") {
      announced_ = parse_u32(line);
    }
  }

  Trace trace_;
  bool in_case_ = false;
  std::optional<std::size_t> announced_;
};

}  // namespace

std::variant<Trace, TraceError> parse_trace(std::string_view text) {
  Parser parser;
  std::size_t number = 0;
  try {
    while (!text.empty()) {
      ++number;
      parser.line(next(text, '\n'));
    }
    return parser.take();
  } catch (const Malformed& malformed) {
    return TraceError{number, malformed.what};
  }
}

}  // namespace netmsg::conformance
