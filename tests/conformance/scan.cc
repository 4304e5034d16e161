// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/scan.h"

#include <charconv>
#include <utility>

namespace netmsg::conformance::scan {

void fail(std::string what) {
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

std::vector<Word> words_of(Word line) {
  std::vector<Word> words = split(line, ' ');
  std::erase(words, Word());
  return words;
}

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

}  // namespace netmsg::conformance::scan
