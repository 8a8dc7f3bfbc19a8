// Escaped paths and the plain text they stand for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace llama_swap::server {

// `text` as part of a path: slashes stay, what a path may not hold is percent-encoded.
std::string encode_path(std::string_view text);

// How many bytes of `escaped` spell `plain`, if it begins with that and a slash or nothing follows.
std::optional<std::size_t> prefix_length(std::string_view escaped, std::string_view plain);

// Does a decoded path climb with a segment ".."? A backslash counts as a slash, as some servers
// take it for one.
bool climbs(std::string_view path);

}  // namespace llama_swap::server
