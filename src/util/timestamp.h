// Points in time as text for APIs and files: RFC 3339.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace llama_swap::util {

// In UTC, with milliseconds: "2024-05-06T07:08:09.010Z".
std::string rfc3339(std::chrono::system_clock::time_point at);

// In microseconds, so that all years fit in.
using ParsedTime = std::chrono::sys_time<std::chrono::microseconds>;

// A time like 2006-01-02T15:04:05.5+01:30, in upper case; nothing for any other text. What is finer
// than a microsecond is cut off. A space counts as '+': that is what an unescaped '+' of a query
// becomes; ',' counts as '.'.
std::optional<ParsedTime> parse_rfc3339(std::string_view text);

}  // namespace llama_swap::util
