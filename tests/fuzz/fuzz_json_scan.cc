// The JSON scan: pieces do not matter, and on valid documents it finds what a whole parser finds.
#include <nlohmann/json.hpp>
#include <optional>

#include "fuzz/fuzz.h"
#include "server/json_scan.h"

using namespace llama_swap;
using fuzz::require;
using nlohmann::json;

namespace {

struct Members {
  std::optional<json> model;
  std::optional<json> stream;
};

// The first top-level members of the two names; nothing if the document is not a valid object.
std::optional<Members> parse_all(std::string_view document) {
  Members members;
  std::string key;
  const auto callback = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth != 1) return true;
    if (event == json::parse_event_t::key) key = parsed.get<std::string>();
    if (event == json::parse_event_t::value || event == json::parse_event_t::object_end ||
        event == json::parse_event_t::array_end) {
      if (key == "model" && !members.model) members.model = parsed;
      if (key == "stream" && !members.stream) members.stream = parsed;
    }
    return true;
  };
  const json whole = json::parse(document, callback, false);
  if (!whole.is_object()) return std::nullopt;
  return members;
}

void check_valid(std::string_view document, const Members& members, const server::JsonScan& scan) {
  if (!members.model || members.model->is_null()) {
    require(scan.model().empty(), "no model where there is none");
  } else if (members.model->is_string()) {
    require(scan.model() == members.model->get<std::string>(), "the text of a string");
  } else {
    const server::ByteSpan span = scan.model_span();
    require(scan.model() == document.substr(span.offset, span.length), "the text as written");
    require(json::parse(scan.model(), nullptr, false) == *members.model, "the same value");
  }
  if (!members.stream) require(!scan.streaming(), "no stream where there is none");
  if (members.stream && members.stream->is_boolean())
    require(scan.streaming() == members.stream->get<bool>(), "stream as a boolean");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  server::JsonScan whole, pieces;
  whole.feed(input);
  fuzz::in_pieces(input, [&](std::string_view piece) { pieces.feed(piece); });
  require(whole.done() == pieces.done(), "as done in pieces");
  whole.finish();
  pieces.finish();
  require(whole.model() == pieces.model() && whole.model_span() == pieces.model_span() &&
              whole.streaming() == pieces.streaming(),
          "the same in pieces");
  const server::ByteSpan span = whole.model_span();
  require(span.offset + span.length <= size, "the span is of the document");
  require(whole.model().empty() == (span.length == 0), "a model has a span");

  if (size <= server::JsonScan::kMaxValue)
    if (const auto members = parse_all(input)) check_valid(input, *members, whole);
  return 0;
}
