// Spans as OTLP over HTTP carries them in JSON: an ExportTraceServiceRequest in the JSON form of
// protobuf, with ids in hexadecimal digits (OTLP 1.x, "JSON Protobuf Encoding"). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "trace/span.h"

namespace llama_swap::trace {

struct Resource {
  std::string service_name;
  std::string version;  // of this program
};

// 64-bit integers are strings, enums numbers.
std::string otlp_json(const Resource& resource, std::span<const Span> spans);

}  // namespace llama_swap::trace
