// Hexadecimal digits, and the two codings that are made of them: of URLs (RFC 3986 2.1) and of
// forms (application/x-www-form-urlencoded). Leniently decoding is util::percent_decode.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llama_swap::util {

// The value of a digit in either case; -1: it is none.
constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
constexpr bool is_hex(char c) {
  return hex_digit(c) >= 0;
}

// All but ASCII letters, digits and the characters in `plain` as %XX.
std::string percent_encode(std::string_view text, std::string_view plain);
// The same, and a space as '+'.
std::string form_encode(std::string_view text);
// '+' and %XX undone; nothing for a broken escape.
std::optional<std::string> form_decode(std::string_view text);

}  // namespace llama_swap::util
