// Request heads: what is accepted is exact, can be written out and read back as the same, and does
// not depend on how it arrived.
#include "fuzz/fuzz.h"
#include "net/hop_by_hop.h"
#include "net/http1_head.h"

using namespace llama_swap;
using fuzz::require;

namespace {

bool same(const net::RequestHead& a, const net::RequestHead& b) {
  return a.method == b.method && a.target == b.target && a.version_minor == b.version_minor &&
         std::ranges::equal(a.headers, b.headers, [](const net::Header& x, const net::Header& y) {
           return x.name == y.name && x.value == y.value;
         });
}

std::string written(const net::RequestHead& head) {
  std::string out = std::string(head.method) + ' ' + std::string(head.target) + " HTTP/1." +
                    std::to_string(head.version_minor) + "\r\n";
  for (const net::Header& h : head.headers)
    out += std::string(h.name) + ": " + std::string(h.value) + "\r\n";
  return out + "\r\n";
}

void check_accepted(std::string_view input, std::size_t consumed, const net::RequestHead& head) {
  require(consumed <= input.size() && input.substr(0, consumed).ends_with("\r\n\r\n"),
          "ends with an empty line");
  for (const net::Header& h : head.headers) {
    require(!h.name.empty() && h.name.find_first_of(" \t:\r\n") == std::string_view::npos,
            "names are tokens");
    require(h.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
            "values are one line");
  }
  const std::string again = written(head);
  net::RequestHead reread;
  net::HeadProgress progress;
  const net::HeadResult result = net::parse_request(again, reread, progress);
  require(result.kind == net::HeadResult::done && result.consumed == again.size(),
          "can be read back");
  require(same(head, reread), "reads back as the same");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  net::RequestHead head;
  net::HeadProgress progress;
  const net::HeadResult whole = net::parse_request(input, head, progress);
  if (whole.kind == net::HeadResult::done) {
    check_accepted(input, whole.consumed, head);
    require(!head.path().empty(), "has a path");
    (void)head.query();
    const net::ConnectionTokens tokens(head.headers);
    for (const net::Header& h : head.headers) (void)tokens.names(h.name);
    const net::MessageFraming framing = net::request_framing(head);
    require(framing.kind != net::MessageFraming::until_close, "requests have an end");
  }

  std::string buffer;
  net::RequestHead slow_head;
  net::HeadProgress slow_progress;
  net::HeadResult slow;
  fuzz::in_pieces(input, [&](std::string_view piece) {
    if (slow.kind != net::HeadResult::need_more) return;
    buffer += piece;
    buffer.shrink_to_fit();
    slow = net::parse_request(buffer, slow_head, slow_progress);
  });
  if (whole.kind == net::HeadResult::done) {
    require(slow.kind == whole.kind && slow.consumed == whole.consumed,
            "accepted however it comes");
    require(same(head, slow_head), "the same however it comes");
  } else {
    require(slow.kind != net::HeadResult::done, "refused however it comes");
    if (slow.kind == net::HeadResult::error)
      require(whole.kind == net::HeadResult::error && slow.status == whole.status,
              "the same error");
  }
  return 0;
}
