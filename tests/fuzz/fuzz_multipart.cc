// Multipart forms: the first line of the input is the Content-Type, the rest the body. Pieces do
// not matter, and the spans are where the values are.
#include "fuzz/fuzz.h"
#include "server/multipart_scan.h"

using namespace llama_swap;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::string_view type = input.substr(0, input.find('\n'));
  const std::string_view body = input.substr(std::min(type.size() + 1, input.size()));

  server::MultipartScan whole(type), pieces(type);
  whole.feed(body);
  fuzz::in_pieces(body, [&](std::string_view piece) { pieces.feed(piece); });
  whole.finish();
  pieces.finish();
  require(whole.failure() == pieces.failure(), "fails the same in pieces");
  require(whole.model() == pieces.model() && whole.stream() == pieces.stream() &&
              whole.model_spans() == pieces.model_spans(),
          "the same in pieces");

  require(whole.model().has_value() != whole.model_spans().empty(), "a model has a span");
  for (const server::ByteSpan span : whole.model_spans())
    require(span.offset + span.length <= body.size(), "spans are of the body");
  if (whole.model() && whole.model_spans()[0].length <= server::MultipartScan::kMaxValue) {
    const server::ByteSpan span = whole.model_spans()[0];
    require(body.substr(span.offset, span.length) == *whole.model(), "the span is the value");
  }
  return 0;
}
