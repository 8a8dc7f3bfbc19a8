// For tests of HTTP/2: a server whose handler answers as the path asks, and counts what it has
// seen.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "http2_client.h"
#include "loop_thread.h"
#include "net/http2_connection.h"
#include "net/wakeup.h"

namespace llama_swap::test {

using namespace net;  // all of this is about it

inline constexpr std::size_t kMiB = 1 << 20;

// What handlers have seen, for the test's thread.
struct Seen {
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  std::atomic<int> gone{0};
};

inline Awaitable<std::string> read_all(Exchange& exchange) {
  std::string body;
  std::array<char, 1000> piece;
  for (;;) {
    const auto n = co_await exchange.read_body(piece);
    if (!n) co_return "error " + std::to_string(static_cast<int>(n.error().code));
    if (*n == 0) co_return body;
    body.append(piece.data(), *n);
  }
}

inline Awaitable<void> answer_pieces(Exchange& exchange, std::size_t size) {
  ResponseHead head;
  co_await exchange.respond(head, {BodyFraming::unknown}, {});
  const std::string piece(10000, 'b');
  while (size > 0) {
    std::string_view rest = std::string_view(piece).substr(0, size);
    size -= rest.size();
    const std::ptrdiff_t n = exchange.try_write(rest);
    if (n < 0) co_return;
    rest.remove_prefix(static_cast<std::size_t>(n));
    const auto written = co_await exchange.write(rest);
    if (!written) co_return;
  }
  co_await exchange.finish();
}

inline Awaitable<void> wait_until_gone(Exchange& exchange, Seen& seen, Wakeup& wakeup) {
  bool left = false;
  exchange.watch_client([&] {
    left = true;
    wakeup.notify();
  });
  while (!left) co_await wakeup.wait();
  exchange.watch_client(nullptr);
  ++seen.gone;
}

// Answers as the path asks.
inline Awaitable<void> by_path(Exchange& exchange, Loop& loop, Seen& seen) {
  ++seen.begun;
  const std::string path(exchange.request().path());
  ResponseHead head;
  head.headers.push_back({"X-Test", "yes"});
  head.headers.push_back({"Connection", "close"});
  if (path == "/wait") {
    Wakeup wakeup(loop);
    co_await wait_until_gone(exchange, seen, wakeup);
  } else if (path == "/big") {
    co_await answer_pieces(exchange, 4 * kMiB);
  } else if (path == "/echo") {
    co_await exchange.respond(head, {BodyFraming::unknown}, {});
    std::array<char, 1000> piece;
    for (;;) {
      const auto n = co_await exchange.read_body(piece);
      if (!n || *n == 0) break;
      co_await exchange.write({piece.data(), *n});
    }
    co_await exchange.finish();
  } else if (path == "/ignore") {
    co_await exchange.respond(head, {BodyFraming::length, 2}, "ok");
  } else if (path == "/abort") {
    co_await exchange.respond(head, {BodyFraming::unknown}, "half");
    exchange.abort();
  } else if (path == "/short") {
    co_await exchange.respond(head, {BodyFraming::length, 10}, "half");
  } else if (path == "/nocontent") {
    head.status = 204;
    co_await exchange.respond(head, {BodyFraming::none}, {});
  } else if (path == "/inform") {
    ResponseHead early;
    early.status = 103;
    co_await exchange.inform(early);
    co_await exchange.respond(head, {BodyFraming::none}, {});
  } else if (path != "/silent") {
    const std::string body = co_await read_all(exchange);
    const std::string text =
        fmt::format("{} {} {} {}:{}", exchange.protocol(), exchange.request().method,
                    exchange.request().target, body.size(), body.substr(0, 20));
    co_await exchange.respond(head, {BodyFraming::length, text.size()}, text);
  }
  ++seen.ended;
}

class Http2Server : public testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    loop_.on_loop([&] {
      connections_ = std::make_unique<ConnectionSet>(
          loop_.loop, loop_.wheel,
          [this](Exchange& exchange) { return by_path(exchange, loop_.loop, seen_); }, limits);
      auto listener = Listener::open(loop_.loop, "127.0.0.1:0");
      ASSERT_TRUE(listener) << listener.error().message;
      listener_ = std::move(*listener);
      listener_->start(*connections_);
      port_ = listener_->port();
    });
  }
  Socket connect() { return Socket::connect(port_); }
  // A connection on which frames are sent by hand.
  Socket connect_raw() {
    Socket socket = connect();
    socket.send(std::string(kPreface) + frame(NGHTTP2_SETTINGS, 0, 0));
    return socket;
  }
  // The error of the GOAWAY that ends it; -1: it ended without.
  static std::int64_t goaway_error(Socket& socket) {
    const std::string all = socket.read_all();
    for (std::size_t at = 0; at + 9 <= all.size();) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(all[at + i]); };
      const std::size_t size = (byte(0) << 16U) + (byte(1) << 8U) + byte(2);
      if (byte(3) == NGHTTP2_GOAWAY) return byte(9 + 7);
      at += 9 + size;
    }
    return -1;
  }
  template <class Done>
  static void wait_for(Done done) {
    const auto end = util::Clock::now() + std::chrono::seconds(10);
    while (!done() && util::Clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(done());
  }
  std::size_t open() {
    return loop_.on_loop([&] { return connections_->size(); });
  }

  void TearDown() override {
    loop_.on_loop([&] {
      if (listener_) listener_->close();
      if (connections_) connections_->cut_all();
    });
    while (connections_ && open() > 0) std::this_thread::yield();
    EXPECT_EQ(seen_.begun, seen_.ended) << "every handler ends with its connection";
  }

  Seen seen_;
  LoopThread loop_;
  std::unique_ptr<ConnectionSet> connections_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
};

}  // namespace llama_swap::test
