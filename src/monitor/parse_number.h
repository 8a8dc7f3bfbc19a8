// Numbers in what tools and the kernel write.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

#include "util/text.h"

namespace llama_swap::monitor {

// The whole text, but for blanks around it, is a finite number.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  text = util::trim(text);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value - value != 0) return std::nullopt;  // "inf", "nan"
  return value;
}

}  // namespace llama_swap::monitor
