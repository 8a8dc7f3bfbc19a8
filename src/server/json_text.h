// The bytes of JSON text (RFC 8259): finding those that matter, and what strings say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/byte_search.h"

namespace llama_swap::server {

// A run of bytes of a body.
struct ByteSpan {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const ByteSpan&) const = default;
};

// The text of a JSON string without its quotes, escapes undone. Escapes that make no sense give
// their own characters, lone surrogates U+FFFD.
std::string decode_json_text(std::string_view raw);

namespace json {

inline bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
inline bool ends_scalar(char c) {
  return is_space(c) || c == ',' || c == '}' || c == ']' || c == '"' || c == '{' || c == '[';
}

inline const char* find_string_end(const char* p, const char* end) {
  return net::find_first(
      p, end, [](net::Bytes16 b) { return b.equal('"') | b.equal('\\'); },
      [](char c) { return c == '"' || c == '\\'; });
}

// A quote or any bracket. '[' and ']' are '{' and '}' without the bit 0x20, and nothing else
// becomes them with it.
inline const char* find_structure(const char* p, const char* end) {
  return net::find_first(
      p, end,
      [](net::Bytes16 b) {
        const net::Bytes16 folded = b.with(0x20);
        return b.equal('"') | folded.equal('{') | folded.equal('}');
      },
      [](char c) { return c == '"' || (c | 0x20) == '{' || (c | 0x20) == '}'; });
}

}  // namespace json
}  // namespace llama_swap::server
