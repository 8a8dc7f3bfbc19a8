// Small text helpers. ASCII only, no locale, no allocation unless a string is returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llama_swap::util {

// Without leading and trailing space, tab, CR, LF, VT, FF.
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
// Equal but for ASCII case. Most names that are not equal differ in their length or first letter.
bool same_ignoring_case(const char* a, const char* b, std::size_t size);
inline bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a.empty() || ((a.front() ^ b.front()) & ~0x20) != 0) return a.empty();
  return same_ignoring_case(a.data(), b.data(), a.size());
}
bool icontains(std::string_view haystack, std::string_view needle);
// At every separator; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
// In decimal digits.
void append_number(std::string& out, std::uint64_t number);
std::string replace_all(std::string text, std::string_view from, std::string_view to);
// Undoes %XX; a broken escape stays as it is.
std::string percent_decode(std::string_view text);
// "text" as a JSON string with quotes. Invalid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);
// The same at the end of `out`; text without special characters costs no allocation.
void append_json_quoted(std::string& out, std::string_view text);

}  // namespace llama_swap::util
