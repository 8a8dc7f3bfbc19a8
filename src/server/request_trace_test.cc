#include "server/request_trace.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "server/answer.h"
#include "server/context.h"
#include "server/testing.h"

namespace llama_swap::server {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr const char* kNotSampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

// The spans of one request, as a collector gets them.
struct RequestTraceTest : ::testing::Test {
  RequestTraceTest() {
    acceptor.async_accept([this](boost::system::error_code ec, tcp::socket socket) {
      if (!ec) peer = std::move(socket), read();
    });
    config::Tracing settings;
    settings.endpoint =
        "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/v1/traces";
    exporter = std::make_shared<trace::Exporter>(loop, wheel, settings, "v1",
                                                 [](config::LogLevel, const std::string&) {});
    exporter->start();
  }

  void read() {
    peer.async_read_some(
        boost::asio::buffer(buffer), [this](boost::system::error_code ec, std::size_t n) {
          if (ec) return;
          received.append(buffer, n);
          const std::size_t body = received.find("\r\n\r\n");
          const auto parsed = nlohmann::json::parse(
              body == received.npos ? "" : received.substr(body + 4), nullptr, false);
          if (parsed.is_discarded()) return read();
          spans = parsed["resourceSpans"][0]["scopeSpans"][0]["spans"];
          boost::asio::write(
              peer, boost::asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38));
        });
  }
  static net::Awaitable<void> close(std::shared_ptr<trace::Exporter> exporter, bool* ended) {
    co_await trace::Exporter::close(exporter, 10s);
    *ended = true;
  }
  void collect() {
    bool ended = false;
    net::spawn(loop, close(exporter, &ended));
    while (!ended && loop.run_one() > 0) {
    }
  }
  std::map<std::string, std::string> attributes() {
    std::map<std::string, std::string> out;
    for (const auto& attribute : spans[0]["attributes"])
      out[attribute["key"]] = attribute["value"].begin().value();
    return out;
  }

  net::Loop loop;
  net::TimerWheel wheel{loop};
  tcp::acceptor acceptor{loop, {boost::asio::ip::address_v4::loopback(), 0}};
  tcp::socket peer{loop};
  char buffer[1 << 14];
  std::string received;
  std::shared_ptr<trace::Exporter> exporter;
  nlohmann::json spans;
};

// A client may send a head of 64 KiB, and a queue holds thousands of spans.
TEST_F(RequestTraceTest, WhatClientsWriteIsBounded) {
  const std::string text(20'000, 'x');
  std::string state;
  for (int i = 0; i < 15; ++i) state += "k" + std::to_string(i) + "=" + std::string(250, 'v') + ",";
  testing::FakeExchange exchange(
      text, "/" + text,
      {{"Host", text}, {"User-Agent", text}, {"traceparent", kParent}, {"tracestate", state}});
  testing::run(loop, send(exchange, 200, kText, "OK"));
  RequestTrace trace(exporter, exchange.request());
  EXPECT_EQ(trace.state(), state) << "passed on as it came";
  const util::Time now = util::Clock::now();
  trace.phase("queue", now, now + 1ms);
  trace.phase("load", now + 1ms, now + 2ms);
  trace.end(exchange, "192.0.2.7", {"id-1", "", ""});
  collect();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(attributes()["user_agent.original"], std::string(1000, 'x'));
  for (const auto& span : spans) EXPECT_LT(span.dump().size(), 10'000u);
}

TEST_F(RequestTraceTest, TellsOfRequestAndPhases) {
  testing::FakeExchange exchange("POST", "/v1/chat/completions?secret=1",
                                 {{"Host", "h.example:8080"},
                                  {"User-Agent", "me"},
                                  {"traceparent", kParent},
                                  {"tracestate", "a=1"}});
  testing::run(loop, send(exchange, 200, kText, "OK"));
  RequestTrace trace(exporter, exchange.request());
  EXPECT_TRUE(trace.sampled());
  EXPECT_EQ(trace.parent().substr(0, 36), std::string(kParent).substr(0, 36));
  EXPECT_NE(trace.parent(), kParent);
  EXPECT_EQ(trace.state(), "a=1");
  trace.route("/v1/chat/completions");
  const util::Time now = util::Clock::now();
  trace.phase("queue", now, now + 1ms);
  trace.phase("queue", now + 1ms, now + 2ms);
  trace.phase("load", now + 2ms, now + 5ms);
  store::Activity row;
  row.model = "m1";
  row.path = "/v1/chat/completions";
  row.tokens.input = 12;
  row.tokens.output = 34;
  row.bytes_in = 5;
  trace.take(row, true);
  About about{"id-1", "anna", "m1"};
  trace.end(exchange, "192.0.2.7", about);
  collect();

  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0]["name"], "POST /v1/chat/completions");
  EXPECT_EQ(spans[0]["kind"], 2);
  EXPECT_EQ(spans[0]["traceId"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(spans[0]["parentSpanId"], "b7ad6b7169203331");
  EXPECT_EQ(spans[0]["spanId"], trace.parent().substr(36, 16));
  EXPECT_EQ(spans[0]["traceState"], "a=1");
  EXPECT_EQ(spans[0]["status"]["code"], 0);
  const std::map<std::string, std::string> want{{"http.request.method", "POST"},
                                                {"url.path", "/v1/chat/completions"},
                                                {"http.route", "/v1/chat/completions"},
                                                {"server.address", "h.example"},
                                                {"server.port", "8080"},
                                                {"client.address", "192.0.2.7"},
                                                {"network.protocol.version", "1.1"},
                                                {"user_agent.original", "me"},
                                                {"http.response.status_code", "200"},
                                                {"http.response.body.size", "2"},
                                                {"http.request.body.size", "5"},
                                                {"llama_swap.request.id", "id-1"},
                                                {"llama_swap.key.name", "anna"},
                                                {"gen_ai.operation.name", "chat"},
                                                {"gen_ai.request.model", "m1"},
                                                {"gen_ai.usage.input_tokens", "12"},
                                                {"gen_ai.usage.output_tokens", "34"}};
  EXPECT_EQ(attributes(), want);
  EXPECT_EQ(spans[1]["name"], "queue");
  EXPECT_EQ(spans[1]["parentSpanId"], spans[0]["spanId"]);
  EXPECT_EQ(spans[1]["kind"], 1);
  const auto nanoseconds = [&](int span, const char* name) {
    return std::stoll(spans[span][name].get<std::string>());
  };
  EXPECT_EQ(nanoseconds(1, "endTimeUnixNano") - nanoseconds(1, "startTimeUnixNano"), 2'000'000);
  EXPECT_EQ(nanoseconds(2, "startTimeUnixNano"), nanoseconds(1, "endTimeUnixNano"));
}

TEST_F(RequestTraceTest, Failures) {
  testing::FakeExchange exchange("BREW", "/x", {{"Host", "[::1]"}});
  testing::run(loop, send(exchange, 502, kText, "no"));
  RequestTrace trace(exporter, exchange.request());
  store::Activity row;
  row.error = "it broke";
  trace.take(row, true);
  trace.end(exchange, "", About{"id-1", "", ""});
  collect();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_FALSE(spans[0].contains("parentSpanId"));
  EXPECT_EQ(spans[0]["name"], "HTTP");
  EXPECT_EQ(spans[0]["status"]["code"], 2);
  EXPECT_EQ(spans[0]["status"]["message"], "it broke");
  auto got = attributes();
  EXPECT_EQ(got["error.type"], "502");
  EXPECT_EQ(got["http.request.method"], "_OTHER");
  EXPECT_EQ(got["http.request.method_original"], "BREW");
  EXPECT_EQ(got["server.address"], "[::1]");
  EXPECT_FALSE(got.contains("server.port"));
}

TEST_F(RequestTraceTest, TheWordsOfAnUpstreamAreNotTold) {
  testing::FakeExchange exchange("POST", "/x", {{"Host", "h"}});
  testing::run(loop, send(exchange, 500, kText, "no"));
  RequestTrace trace(exporter, exchange.request());
  store::Activity row;
  row.error = "cannot parse 'the prompt'";
  trace.take(row, false);
  trace.end(exchange, "", About{"id-1", "", ""});
  collect();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0]["status"]["code"], 2);
  EXPECT_FALSE(spans[0]["status"].contains("message"));
}

TEST_F(RequestTraceTest, WhatTheClientDidNotWantIsNotTold) {
  testing::FakeExchange exchange("GET", "/x", {{"traceparent", kNotSampled}});
  testing::run(loop, send(exchange, 200, kText, "OK"));
  RequestTrace trace(exporter, exchange.request());
  EXPECT_FALSE(trace.sampled());
  EXPECT_TRUE(trace.parent().ends_with("-00"));
  trace.end(exchange, "", About{});
  EXPECT_EQ(exporter->queued(), 0u);
}

}  // namespace
}  // namespace llama_swap::server
