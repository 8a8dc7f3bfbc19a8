// Where a request belongs in a trace, as servers tell each other (W3C Trace Context). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace llama_swap::trace {

struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const TraceId&) const = default;
};

struct Context {
  static constexpr std::uint8_t kSampled = 1;  // somebody records it
  static constexpr std::uint8_t kRandom = 2;   // the trace id is random (level 2)

  TraceId trace;
  std::uint64_t span = 0;  // whose child begins here
  std::uint8_t flags = 0;  // of those two
  std::string state;       // tracestate; "": none

  bool sampled() const { return (flags & kSampled) != 0; }
};

// Nothing: it is invalid, and stands for nothing. Later versions than 00 are read as far as we know
// them (4.3).
std::optional<Context> parse_traceparent(std::string_view value);
// In version 00.
std::string traceparent(const Context& context);

// Is this list, several fields joined by commas, valid (3.3.1)?
bool is_valid_tracestate(std::string_view list);

// Of a request. More than one traceparent is none; an invalid tracestate is dropped whole, and so
// are one of more than 4 KiB (at least 512 characters should be passed on, 3.3.1.5) and any without
// a traceparent.
std::optional<Context> context_of(const net::RequestHead& head);

}  // namespace llama_swap::trace
