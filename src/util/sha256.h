// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace llama_swap::util {

using Sha256 = std::array<unsigned char, 32>;

Sha256 sha256(std::string_view text);
// From 64 hexadecimal digits; nothing: it is not that.
std::optional<Sha256> parse_sha256(std::string_view hex);
// Takes the same time wherever they differ.
bool same_digest(const Sha256& a, const Sha256& b);

}  // namespace llama_swap::util
