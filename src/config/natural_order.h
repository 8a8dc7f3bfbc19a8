// The order in which the original meets the keys of a mapping (7.4).
#pragma once

#include <string_view>

namespace llama_swap::config {

// Whether `a` comes before `b`: numbers by value, letters by code point. "S2" < "alpha" < "s9" <
// "s10".
bool natural_less(std::string_view a, std::string_view b);

}  // namespace llama_swap::config
