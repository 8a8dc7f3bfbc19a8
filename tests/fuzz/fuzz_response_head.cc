// Heads of answers: what is accepted has only one-line values, reads back as the same when written
// out strictly, and does not depend on how it arrived.
#include "fuzz/fuzz.h"
#include "net/http1_head.h"

using namespace llama_swap;
using fuzz::require;

namespace {

bool same(const net::ReceivedHead& a, const net::ReceivedHead& b) {
  return a.status == b.status && a.reason == b.reason && a.version_minor == b.version_minor &&
         std::ranges::equal(a.headers, b.headers, [](const net::Header& x, const net::Header& y) {
           return x.name == y.name && x.value == y.value;
         });
}

std::string written(const net::ReceivedHead& head) {
  std::string out = "HTTP/1." + std::to_string(head.version_minor) + ' ' +
                    std::to_string(head.status) + ' ' + std::string(head.reason) + "\r\n";
  for (const net::Header& h : head.headers)
    out += std::string(h.name) + ": " + std::string(h.value) + "\r\n";
  return out + "\r\n";
}

net::HeadResult parse(std::string& buffer, net::ReceivedHead& head) {
  net::HeadProgress progress;
  return net::parse_response(buffer, head, progress);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  std::string buffer(input);
  net::ReceivedHead head;
  const net::HeadResult whole = parse(buffer, head);
  if (whole.kind == net::HeadResult::done) {
    require(whole.consumed <= size && buffer[whole.consumed - 1] == '\n', "ends with a line");
    for (const net::Header& h : head.headers)
      require(h.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
              "values are one line");
    std::string again = written(head);
    net::ReceivedHead reread;
    const net::HeadResult result = parse(again, reread);
    require(result.kind == net::HeadResult::done && result.consumed == again.size(),
            "can be read back");
    require(same(head, reread), "reads back as the same");
    for (const std::string_view method : {"GET", "HEAD", "CONNECT"})
      (void)net::response_framing(head, method);
  }

  std::string slow_buffer;
  slow_buffer.reserve(size + 1);
  net::ReceivedHead slow_head;
  net::HeadProgress slow_progress;
  net::HeadResult slow;
  fuzz::in_pieces(input, [&](std::string_view piece) {
    if (slow.kind != net::HeadResult::need_more) return;
    slow_buffer += piece;
    slow = net::parse_response(slow_buffer, slow_head, slow_progress);
  });
  if (whole.kind == net::HeadResult::done) {
    require(slow.kind == whole.kind && slow.consumed == whole.consumed,
            "accepted however it comes");
    require(same(head, slow_head), "the same however it comes");
  } else {
    require(slow.kind != net::HeadResult::done, "refused however it comes");
  }
  return 0;
}
