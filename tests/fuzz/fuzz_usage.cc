// The meter of answers: pieces do not matter, memory stays bounded, and of valid JSON it finds what
// a whole parser finds.
//
// The first byte of the input says what kind of answer the rest is.
#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"
#include "usage/meter.h"

using namespace llama_swap;
using fuzz::require;
using nlohmann::json;

namespace {

usage::AnswerHead head(unsigned char kind) {
  static constexpr const char* kTypes[] = {"text/event-stream", "application/json"};
  static constexpr const char* kCodings[] = {"", "gzip", "deflate", "br", "zstd", "gzip, br"};
  return {.request_path = kind & 0x40 ? "/infill" : "/v1/chat/completions",
          .status = kind & 0x20 ? 500 : 200,
          .reason = "Internal Server Error",
          .content_type = kTypes[kind & 1],
          .content_encoding = kCodings[(kind >> 1 & 0xf) % std::size(kCodings)]};
}

constexpr std::size_t kMaxKept = 300'000;
constexpr usage::ExpansionLimit kLimit{100'000, 10};

struct Rule {
  const char* name;
  void (*apply)(const usage::JsonNumbers&, usage::Figures&);
};
// In the order in which they override each other.
constexpr Rule kRules[] = {{"usage", usage::apply_usage},
                           {"timings", usage::apply_timings},
                           {"metrics", usage::apply_metrics}};

void check_document(std::string_view body, const usage::Result& result) {
  const json whole = json::parse(body, nullptr, false);
  if (!whole.is_object()) return;
  usage::Figures expected;
  bool any = false;
  for (const Rule& rule : kRules) {
    const auto found = whole.find(rule.name);
    if (found == whole.end() || !found->is_object()) continue;
    any = true;
    const std::string text = found->dump();
    rule.apply(usage::JsonNumbers(text), expected);
  }
  require(result.figures.has_value() == any, "figures where there are some");
  require(!any || *result.figures == expected, "the figures of the document");
}

// Names with escapes are not read, and of several members of a name not all.
bool is_plain(std::string_view body) {
  for (const std::string_view name : {"\"usage\"", "\"timings\"", "\"metrics\""})
    if (body.find(name) != body.rfind(name)) return false;
  return body.find("\\u") == std::string_view::npos;
}

}  // namespace

// One line that is too long to be held in pieces is judged as it is when it comes whole.
void check_long_line(std::string_view body) {
  const std::string line = "data: {\"x\":\"" + std::string(usage::EventScanner::kMaxHeld, 'x') +
                           "\"," + std::string(body);
  usage::EventScanner whole, pieces;
  std::uint64_t tokens = whole.feed(line);
  fuzz::in_pieces(line, [&](std::string_view piece) { tokens -= pieces.feed(piece); });
  tokens += whole.finish();
  tokens -= pieces.finish();
  require(tokens == 0 && whole.events() == pieces.events(), "the same events in long lines");
  require(whole.figures() == pieces.figures(), "the same figures in long lines");
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const usage::AnswerHead answer = head(data[0]);
  const std::string_view body = fuzz::as_text(data + 1, size - 1);
  usage::Meter whole(answer, kLimit), pieces(answer, kLimit);
  whole.feed(body, {});
  fuzz::in_pieces(body, [&](std::string_view piece) { pieces.feed(piece, {}); });
  require(whole.kept_bytes() < kMaxKept && pieces.kept_bytes() < kMaxKept, "bounded memory");

  const usage::Result one = whole.finish(usage::Ending::complete);
  const usage::Result other = pieces.finish(usage::Ending::complete);
  require(answer.status == 200 || !one.error_msg.empty(), "a failure has a text");
  require(one.error_msg.size() < 600, "a short text");
  require(one.decode_failed == other.decode_failed, "as broken in pieces");
  // What a library gives out before the fault depends on the pieces.
  if (one.decode_failed) return 0;
  require(one.error_msg == other.error_msg, "the same error in pieces");
  require(one.figures == other.figures, "the same figures in pieces");
  require(one.events == other.events, "as many events in pieces");
  require(one.timing.token_events == other.timing.token_events, "as many tokens in pieces");

  if (answer.content_type == "text/event-stream") check_long_line(body);

  const bool as_is = answer.content_encoding.empty() && answer.status == 200;
  if (as_is && answer.content_type == "application/json" && is_plain(body))
    check_document(body, one);
  return 0;
}
