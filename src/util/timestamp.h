// Points in time as text for APIs and files: RFC 3339.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace llama_swap::util {

// In UTC, with milliseconds: "2024-05-06T07:08:09.010Z".
std::string rfc3339(std::chrono::system_clock::time_point at);

// Any offset, any fraction (beyond microseconds it is cut). Years that the clock cannot hold become
// its first or last moment. Nothing if the text is not such a time.
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text);

}  // namespace llama_swap::util
