#include "server/extra_headers.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

net::Awaitable<void> answer(net::Exchange& exchange) {
  net::ResponseHead head;
  head.status = 201;
  head.headers = {{"Content-Type", "text/plain"}};
  const net::BodyFraming framing{net::BodyFraming::unknown};
  co_await exchange.respond(head, framing, "one ");
  co_await exchange.write("two ");
  exchange.try_write("three");
  co_await exchange.finish();
}

TEST(ExtraHeaders, AddsThemAndPassesTheRestOn) {
  net::Loop loop;
  testing::FakeExchange inner("GET", "/x", {{"A", "b"}});
  inner.set_request_id("mine");
  ExtraHeaders exchange(inner, {{"Vary", "Origin"}, {"X-One", "1"}});
  EXPECT_EQ(exchange.request().path(), "/x");
  EXPECT_EQ(exchange.request_id(), "mine") << "rows and captures are told by it";
  testing::run(loop, answer(exchange));
  EXPECT_EQ(inner.header("Content-Type"), "text/plain");
  EXPECT_EQ(inner.header("Vary"), "Origin");
  EXPECT_EQ(inner.header("X-One"), "1");
  EXPECT_EQ(inner.answer, "one two three");
  EXPECT_TRUE(inner.finished);
  EXPECT_EQ(exchange.status(), 201);
  EXPECT_EQ(exchange.bytes_sent(), inner.bytes_sent());
  inner.leave();
  EXPECT_TRUE(exchange.client_gone());
}

}  // namespace
}  // namespace llama_swap::server
