// Texts that clients may choose freely, where they are kept or shown. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace llama_swap::server {

inline constexpr std::size_t kMaxFreeText = 256;  // of names and the like, in bytes

// Without blanks around it; at most `most` bytes, no character in part, and a mark if that is not
// all.
std::string shortened(std::string_view text, std::size_t most = kMaxFreeText);

}  // namespace llama_swap::server
