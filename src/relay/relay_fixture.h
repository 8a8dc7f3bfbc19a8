// For the tests of relaying: a server in front of an upstream that the test plays.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../tests/support/loop_thread.h"
#include "net/listener.h"
#include "relay/relay.h"

namespace llama_swap::relay {

using test::Acceptor;
using test::Socket;

// A server whose handler relays everything to one upstream, which the test plays by hand.
class Relay : public testing::Test {
 protected:
  void SetUp() override {
    loop_.on_loop([&] {
      connections_ = std::make_unique<net::ConnectionSet>(
          loop_.loop, loop_.wheel, [this](net::Exchange& exchange) { return handle(exchange); },
          net::ServerLimits{});
      listener_ = std::move(*net::Listener::open(loop_.loop, "127.0.0.1:0"));
      listener_->start(*connections_);
      port_ = listener_->port();
    });
    connect_upstream({});
  }
  void TearDown() override {
    loop_.on_loop([&] {
      listener_->close();
      connections_->cut_all();
      upstream_->close_all();
    });
    while (loop_.on_loop([&] { return connections_->size(); }) > 0) std::this_thread::yield();
    loop_.on_loop([&] { upstream_.reset(); });
  }
  void connect_upstream(net::UpstreamTimeouts timeouts) {
    loop_.on_loop([&] {
      auto base = net::parse_url(fmt::format("http://127.0.0.1:{}/base", acceptor_.port()));
      upstream_ = std::make_shared<net::Upstream>(loop_.loop, loop_.wheel, *base, timeouts);
    });
  }

  net::Awaitable<void> handle(net::Exchange& exchange) {
    net::Body body(memory_, worker_);
    while (exchange.has_body()) {
      const auto n =
          co_await exchange.read_body(body.prepare(exchange.content_length().value_or(0)));
      if (!n || *n == 0) break;
      co_await body.commit(*n);
    }
    Request request;
    request.target =
        net::join_target(upstream_->base(), exchange.request().path(), exchange.request().query());
    request.to_peer = to_peer_;
    request.api_key = api_key_;
    request.request_id = "made";
    request.trace_parent = trace_parent_;
    request.trace_state = trace_state_;
    request.splices = splices_;
    request.watcher = watcher_;
    if (exchange.has_body() || !splices_.empty()) request.body = &body;
    const Outcome outcome = co_await relay(exchange, *upstream_, loop_.wheel, request);
    if (!exchange.responded() && !exchange.client_gone()) {
      net::ResponseHead head;
      head.status = 502;
      co_await exchange.respond(head, {net::BodyFraming::length, outcome.error.size()},
                                outcome.error);
    }
    outcomes_.push_back(outcome.kind);
    if (auto done = std::exchange(done_, std::nullopt)) done->set_value(outcome);
  }
  std::future<Outcome> next_outcome() {
    return loop_.on_loop([&] { return done_.emplace().get_future(); });
  }
  // One request answered by `answer`; what the client got.
  std::string answered(
      std::string_view answer,
      std::string_view request_line = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      std::string* seen = nullptr) {
    Socket client = Socket::connect(port_);
    client.send(request_line);
    Socket upstream = acceptor_.accept();
    const std::string head = upstream.read_until("\r\n\r\n");
    if (seen != nullptr) *seen = head;
    upstream.send(answer);
    upstream.close();
    return request_line.find("Connection: close") != std::string_view::npos
               ? client.read_all()
               : client.read_until("\r\n\r\n");
  }

  test::LoopThread loop_;
  Acceptor acceptor_;
  net::BodyMemory memory_{64 << 20};
  net::Worker worker_{loop_.loop};
  std::shared_ptr<net::Upstream> upstream_;
  std::unique_ptr<net::ConnectionSet> connections_;
  std::unique_ptr<net::Listener> listener_;
  std::uint16_t port_ = 0;
  bool to_peer_ = false;
  std::string api_key_;
  std::string trace_parent_, trace_state_;
  net::Splices splices_;
  net::PayloadSink* watcher_ = nullptr;
  std::vector<Outcome::Kind> outcomes_;
  std::optional<std::promise<Outcome>> done_;
};

}  // namespace llama_swap::relay
