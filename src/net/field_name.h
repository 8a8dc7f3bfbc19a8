// Comparing the name of a header field with a known one: several times per field of every message.
#pragma once

#include <cstddef>
#include <string_view>

namespace llama_swap::net {

// Is `name` this name in any case? `lower` consists of a-z and '-'. `name` is a token, as a parsed
// field's is: among token characters, setting the bit 0x20 makes only letters into letters and
// nothing but '-' into '-'.
inline bool is_field(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if ((name[i] | 0x20) != lower[i]) return false;
  return true;
}

}  // namespace llama_swap::net
