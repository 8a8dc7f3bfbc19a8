#include "net/proxy_tunnel.h"

#include <fmt/format.h>

#include <vector>

#include "net/http1_head.h"

namespace llama_swap::net {
namespace {

constexpr std::size_t kMaxAnswer = 16 << 10;

}  // namespace

Awaitable<util::Result<void>> open_tunnel(Stream& stream, const ForwardProxy& proxy,
                                          const std::string& target) {
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
  if (!proxy.authorization.empty())
    request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  request += "\r\n";
  const bool sent = co_await stream.write(request);
  std::vector<char> answer(kMaxAnswer);
  std::size_t size = 0;
  ReceivedHead head;
  HeadProgress progress;
  while (sent && size < answer.size()) {
    const std::ptrdiff_t n = co_await stream.read({answer.data() + size, answer.size() - size});
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
    const HeadResult result = parse_response({answer.data(), size}, head, progress);
    if (result.kind == HeadResult::error)
      co_return util::fail(util::Errc::invalid, "its answer is not HTTP");
    if (result.kind != HeadResult::done) continue;
    if (head.status < 200 || head.status > 299)
      co_return util::fail(util::Errc::refused,
                           fmt::format("it refuses: {} {}", head.status, head.reason));
    // Whoever is behind it speaks only when spoken to.
    if (result.consumed < size)
      co_return util::fail(util::Errc::invalid, "it says more than was asked");
    co_return util::Result<void>{};
  }
  co_return util::fail(util::Errc::closed, "it closed the connection");
}

}  // namespace llama_swap::net
