// One span of a trace, as it is told to a collector. A plain value.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "trace/context.h"

namespace llama_swap::trace {

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

// The numbers are those of OTLP.
enum class Kind { internal = 1, server = 2 };
enum class Status { unset = 0, error = 2 };

struct Attribute {
  std::string_view key;  // a literal
  std::variant<std::string, std::int64_t> value;
};

struct Span {
  Context context;           // whose `span` is this one's id
  std::uint64_t parent = 0;  // 0: none
  std::string name;
  Kind kind = Kind::internal;
  Time begin, end;
  std::vector<Attribute> attributes;
  Status status = Status::unset;
  std::string status_text;
};

}  // namespace llama_swap::trace
