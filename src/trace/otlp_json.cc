#include "trace/otlp_json.h"

#include "util/text.h"
#include "util/unique_id.h"

namespace llama_swap::trace {
namespace {

void append_attribute(std::string& out, std::string_view key,
                      const std::variant<std::string, std::int64_t>& value) {
  out += R"({"key":)";
  util::append_json_quoted(out, key);
  if (const auto* const text = std::get_if<std::string>(&value)) {
    out += R"(,"value":{"stringValue":)";
    util::append_json_quoted(out, *text);
  } else {
    out.append(R"(,"value":{"intValue":")").append(std::to_string(std::get<1>(value))).append("\"");
  }
  out += "}}";
}

void append_hex_member(std::string& out, std::string_view name,
                       std::initializer_list<std::uint64_t> numbers) {
  out.append(name).append("\"");
  for (const std::uint64_t number : numbers) util::append_hex(out, number);
  out += '"';
}

void append_time(std::string& out, std::string_view name, Time at) {
  out.append(name).append("\"").append(std::to_string(at.time_since_epoch().count())).append("\"");
}

void append_span(std::string& out, const Span& span) {
  const Context& context = span.context;
  append_hex_member(out, R"({"traceId":)", {context.trace.high, context.trace.low});
  append_hex_member(out, R"(,"spanId":)", {context.span});
  if (span.parent != 0) append_hex_member(out, R"(,"parentSpanId":)", {span.parent});
  if (!context.state.empty()) {
    out += R"(,"traceState":)";
    util::append_json_quoted(out, context.state);
  }
  out.append(R"(,"flags":)").append(std::to_string(context.flags));
  out += R"(,"name":)";
  util::append_json_quoted(out, span.name);
  out.append(R"(,"kind":)").append(std::to_string(static_cast<int>(span.kind)));
  append_time(out, R"(,"startTimeUnixNano":)", span.begin);
  append_time(out, R"(,"endTimeUnixNano":)", span.end);
  out += R"(,"attributes":[)";
  for (const Attribute& attribute : span.attributes) {
    if (out.back() != '[') out += ',';
    append_attribute(out, attribute.key, attribute.value);
  }
  out.append(R"(],"status":{"code":)").append(std::to_string(static_cast<int>(span.status)));
  if (!span.status_text.empty()) {
    out += R"(,"message":)";
    util::append_json_quoted(out, span.status_text);
  }
  out += "}}";
}

}  // namespace

std::string otlp_json(const Resource& resource, std::span<const Span> spans) {
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":[)";
  append_attribute(out, "service.name", resource.service_name);
  out += ',';
  append_attribute(out, "service.version", resource.version);
  out += R"(]},"scopeSpans":[{"scope":{"name":"llama-swap","version":)";
  util::append_json_quoted(out, resource.version);
  out += R"(},"spans":[)";
  for (const Span& span : spans) {
    if (out.back() != '[') out += ',';
    append_span(out, span);
  }
  out += "]}]}]}";
  return out;
}

}  // namespace llama_swap::trace
