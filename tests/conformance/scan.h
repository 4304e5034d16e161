// SPDX-License-Identifier: Apache-2.0
// Text of a trace cut into words, and the words that stand for numbers and names (FORMAT.md §3). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/conformance/trace.h"
#include "tests/conformance/words.h"

namespace netmsg::conformance::scan {

// What is wrong with the text. Thrown by everything that parses, and made a TraceError by parse_trace.
struct Malformed {
  std::string what;
};
[[noreturn]] void fail(std::string what);

std::vector<Word> split(Word text, char separator);
// The words of a line; two spaces are as good as one.
std::vector<Word> words_of(Word line);
// Cuts `text` at the first separator: what stands before it; `text` keeps what stands after it.
Word next(Word& text, char separator);
// False, and `text` as it was, if it does not begin so.
bool take_prefix(Word& text, Word prefix);

// Decimal, or hexadecimal after 0x.
std::int64_t parse_number(Word word);
std::uint32_t parse_u32(Word word);
// Of a word of the table, or of a number, also after #.
std::uint32_t value_of(std::span<const Named> table, Word word);

std::optional<SpaceId> parse_space(Word word);
Thread parse_thread(Word word);
NameRef parse_name(Word word);
std::vector<NameRef> parse_names(Word list);
// DISP:NAME.
PortField parse_port(Word word);

}  // namespace netmsg::conformance::scan
