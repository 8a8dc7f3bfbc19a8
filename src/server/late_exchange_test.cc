#include "server/late_exchange.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

net::Awaitable<void> answer(net::Exchange& exchange, int status, std::string first,
                            std::string second, net::Headers headers = {}) {
  net::ResponseHead head;
  head.status = status;
  head.headers = std::move(headers);
  const net::BodyFraming framing{net::BodyFraming::unknown};
  co_await exchange.respond(head, framing, first);
  const std::ptrdiff_t n = exchange.try_write(second);
  EXPECT_EQ(n, static_cast<std::ptrdiff_t>(second.size()));
  co_await exchange.finish();
}

std::string through(int status, const std::string& first, const std::string& second,
                    net::Headers headers = {}) {
  net::Loop loop;
  testing::FakeExchange begun("POST", "/v1/chat/completions",
                              {{"accept-encoding", "gzip"}, {"A", "b"}});
  testing::run(loop, answer(begun, 200, "loading;", ""));
  begun.finished = false;
  LateExchange late(begun);
  EXPECT_EQ(late.request().headers.size(), 1u);
  EXPECT_FALSE(late.takes_chunked());
  testing::run(loop, answer(late, status, first, second, std::move(headers)));
  EXPECT_TRUE(begun.finished);
  return begun.answer;
}

TEST(LateExchange, PassesTheStreamOn) {
  EXPECT_EQ(through(200, "data: 1\n\n", "data: 2\n\n"), "loading;data: 1\n\ndata: 2\n\n");
}

TEST(LateExchange, DocumentsBecomeEvents) {
  EXPECT_EQ(
      through(200, "{\"n\": 1.50,\r\n", "\"s\": \"x\"}\n", {{"Content-Type", "application/json"}}),
      "loading;data: {\"n\": 1.50,  \"s\": \"x\"} \n\ndata: [DONE]\n\n");
  for (const net::Headers& headers :
       {net::Headers{{"Content-Type", "text/html"}},
        net::Headers{{"Content-Type", "text/event-stream"}, {"Content-Encoding", "gzip"}}}) {
    const std::string events = through(200, "<p>", "x", headers);
    EXPECT_NE(events.find("neither a stream nor a JSON document"), std::string::npos) << events;
    EXPECT_TRUE(events.ends_with("data: [DONE]\n\n"));
  }
}

TEST(LateExchange, ErrorsBecomeEvents) {
  EXPECT_EQ(through(500, "{\"error\":\n", " \"x\"}"),
            "loading;data: {\"error\":\"x\"}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(
      through(404, "not\n", "here"),
      "loading;data: {\"src\":\"llama-swap\",\"error\":{\"message\":\"the upstream answered with "
      "status 404: not\\nhere\",\"type\":\"invalid_request_error\",\"param\":null,"
      "\"code\":\"not_found\"}}\n\ndata: [DONE]\n\n");
  EXPECT_LT(through(500, std::string(100'000, 'x'), "y").size(), 70'000u) << "kept without bound";
}

}  // namespace
}  // namespace llama_swap::server
