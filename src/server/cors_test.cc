#include "server/cors.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

TEST(Cors, HeaderList) {
  const struct {
    const char* list;
    const char* want;
  } cases[] = {
      {"Content-Type, Authorization", "Content-Type, Authorization"},
      {"  X-Custom ,  Accept ", "X-Custom, Accept"},
      {"Valid, Bad Header", "Valid"},
      {"Bad@Header", ""},
      {",,a!#$%&'*+-.^_`|~b,", "a!#$%&'*+-.^_`|~b"},
      {"inj\r\nected", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(sanitize_header_list(c.list), c.want) << c.list;
}

TEST(Cors, ForeignPagesAreNoProxies) {
  const struct {
    const char *list, *want;
  } cases[] = {
      {"x-forwarded-host, X-Forwarded-For,X-FORWARDED-ANY, a", "a"},
      {"Forwarded, via, x-real-ip", ""},
      {"Content-Type, Authorization, X-Forward, Viable",
       "Content-Type, Authorization, X-Forward, Viable"},
  };
  for (const auto& c : cases) EXPECT_EQ(without_proxy_fields(c.list), c.want) << c.list;

  net::Loop loop;
  testing::FakeExchange page(
      "OPTIONS", "/any", {{"Access-Control-Request-Headers", "x-forwarded-host, content-type"}});
  testing::run(loop, send_preflight(page, Asking::foreign_page));
  EXPECT_EQ(page.header("Access-Control-Allow-Headers"), "content-type");
}

TEST(Cors, Preflight) {
  net::Loop loop;
  testing::FakeExchange plain("OPTIONS", "/any");
  testing::run(loop, send_preflight(plain));
  EXPECT_EQ(plain.status(), 204);
  EXPECT_EQ(plain.answer, "");
  EXPECT_EQ(plain.header("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(plain.header("Access-Control-Allow-Methods"), "GET, POST, PUT, PATCH, DELETE, OPTIONS");
  EXPECT_EQ(plain.header("Access-Control-Allow-Headers"),
            "Content-Type, Authorization, Accept, X-Requested-With");
  EXPECT_EQ(plain.header("Access-Control-Max-Age"), "86400");

  testing::FakeExchange asking("OPTIONS", "/any",
                               {{"Access-Control-Request-Headers", "Bad@Header"}});
  testing::run(loop, send_preflight(asking));
  EXPECT_EQ(asking.header("Access-Control-Allow-Headers"), "");
}

}  // namespace
}  // namespace llama_swap::server
