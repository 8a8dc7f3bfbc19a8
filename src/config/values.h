// Texts with a form of their own: durations, sizes, URL references.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llama_swap::config {

// "5s", "1m30s", "1.5h", "-300ms", "0": numbers with the units ns, us (or µs), ms, s, m, h.
// Nothing: not a duration, or longer than 292 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "1GiB", "64 MiB", "1.5MB", "4096": KiB, MiB, GiB, TiB count in powers of 1024, KB, MB, GB, TB in
// powers of 1000, B is one; case does not matter. Nothing: not a size, or beyond 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Why a text cannot be an RFC 3986 URL reference as the original reads them (it is lenient: spaces
// in a path are fine). Empty: it can.
std::string url_fault(std::string_view text);

}  // namespace llama_swap::config
