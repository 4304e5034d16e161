// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/trace_file.h"

#include <zlib.h>

#include <optional>
#include <utility>
#include <vector>

namespace netmsg::conformance {

namespace {

// Null if it cannot be read, or was compressed and is damaged.
std::optional<std::string> read_text(const std::string& path) {
  gzFile_s* file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  std::string text;
  std::vector<char> buffer(1U << 16);
  int size = 0;
  while ((size = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  const bool closed = gzclose_r(file) == Z_OK;
  if (size < 0 || !closed) return std::nullopt;
  return text;
}

}  // namespace

std::variant<Trace, std::string> read_trace(const std::string& path) {
  const std::optional<std::string> text = read_text(path);
  if (!text) return path + ": cannot be read";
  auto parsed = parse_trace(*text);
  if (const auto* error = std::get_if<TraceError>(&parsed)) {
    return path + ":" + std::to_string(error->line) + ": " + error->what;
  }
  return std::get<Trace>(std::move(parsed));
}

}  // namespace netmsg::conformance
