#include "relay/tunnel.h"

#include <array>

#include "net/wakeup.h"

namespace llama_swap::relay {
namespace {

// An end in one direction ends both: a websocket has nothing to say after its other side has
// closed.
net::Awaitable<void> copy(net::Stream& from, std::string_view early, net::Stream& to) {
  std::array<char, 16 << 10> buffer;
  bool good = co_await to.write(early);
  while (good) {
    const std::ptrdiff_t n = co_await from.read(buffer);
    if (n == net::Stream::kEof) to.end_writing();
    if (n <= 0) break;
    good = co_await to.write({buffer.data(), static_cast<std::size_t>(n)});
  }
  from.cut();
  to.cut();
}

}  // namespace

net::Awaitable<void> tunnel(net::Stream& a, std::string_view from_a, net::Stream& b,
                            std::string_view from_b) {
  bool back_ended = false;
  net::Wakeup wakeup(a.loop());
  const auto back = [&]() -> net::Awaitable<void> {
    co_await copy(b, from_b, a);
    back_ended = true;
    wakeup.notify();
  };
  net::spawn(a.loop(), back());
  co_await copy(a, from_a, b);
  if (!back_ended) co_await wakeup.wait();
}

}  // namespace llama_swap::relay
