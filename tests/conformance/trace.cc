// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/trace.h"

#include <span>
#include <utility>

#include "tests/conformance/message_parser.h"
#include "tests/conformance/scan.h"
#include "tests/conformance/words.h"

namespace netmsg::conformance {

using namespace scan;

namespace {

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
