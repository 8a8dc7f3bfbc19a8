// Where something stands in a body, and what JSON strings say (RFC 8259).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

}  // namespace llama_swap::server
