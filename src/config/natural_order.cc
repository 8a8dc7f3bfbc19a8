#include "config/natural_order.h"

#include <re2/re2.h>

#include <cstdint>
#include <vector>

namespace llama_swap::config {
namespace {

using CodePoint = std::uint32_t;

struct Character {
  CodePoint code = 0;
  bool letter = false;
  bool digit = false;
};

// Bytes that are not UTF-8 become U+FFFD each.
std::vector<Character> characters(std::string_view text) {
  static const RE2 letter("\\pL"), digit("\\p{Nd}");
  std::vector<Character> out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (i + size > text.size()) size = 1;
    CodePoint code = size == 1 ? lead : lead & (0xFFu >> (size + 1));
    for (std::size_t k = 1; k < size; ++k)
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    if (size == 1 && lead >= 0x80) code = 0xFFFD;
    const re2::StringPiece one(text.data() + i, size);
    out.push_back({code, RE2::FullMatch(one, letter), RE2::FullMatch(one, digit)});
    i += size;
  }
  return out;
}

// Whether the digits in front of position `at` hold one that is not zero.
bool within_number(const std::vector<Character>& text, std::size_t at) {
  while (at > 0 && text[at - 1].digit)
    if (text[--at].code != '0') return true;
  return false;
}

struct Number {
  std::uint64_t value = 0;  // wraps around, as no name needs more
  std::size_t end = 0;
};

Number number_at(const std::vector<Character>& text, std::size_t at, std::uint64_t lead) {
  Number out{lead, at};
  for (; out.end < text.size() && text[out.end].digit; ++out.end)
    out.value = out.value * 10 + (text[out.end].code - '0');
  return out;
}

}  // namespace

bool natural_less(std::string_view a_text, std::string_view b_text) {
  const auto a = characters(a_text), b = characters(b_text);
  bool after_digit = false;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (a[i].code == b[i].code) {
      after_digit = a[i].digit;
      continue;
    }
    if (a[i].letter && b[i].letter) return a[i].code < b[i].code;
    if (a[i].letter || b[i].letter) return after_digit ? a[i].letter : b[i].letter;
    // Zeros within a number count as part of it: 10 < 101.
    const bool zero = a[i].code == '0' || b[i].code == '0';
    const std::uint64_t lead = zero && within_number(a, i) ? 1 : 0;
    const Number left = number_at(a, i, lead), right = number_at(b, i, lead);
    if (left.value != right.value) return left.value < right.value;
    if (left.end != right.end) return left.end < right.end;
    return a[i].code < b[i].code;
  }
  return a.size() < b.size();
}

}  // namespace llama_swap::config
