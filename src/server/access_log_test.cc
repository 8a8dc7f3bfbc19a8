#include "server/access_log.h"

#include <gtest/gtest.h>

#include "server/answer.h"
#include "server/client_address.h"
#include "server/testing.h"

namespace llama_swap::server {
namespace {

using namespace std::chrono_literals;
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string line(const std::string& target, Fields headers = {}) {
  net::Loop loop;
  testing::FakeExchange exchange("GET", target, std::move(headers));
  testing::run(loop, send(exchange, 200, kText, "OK"));
  std::string out;
  append_access_line(out, exchange, client_ip(exchange), 1234567ns);
  return out;
}

TEST(AccessLog, Format) {
  EXPECT_EQ(line("/health?x=1", {{"User-Agent", "curl/8"}}),
            R"(Request 192.0.2.7 "GET /health HTTP/1.1" 200 2 "curl/8" 1.234ms)");
  EXPECT_EQ(line("/a%20b"), R"(Request 192.0.2.7 "GET /a b HTTP/1.1" 200 2 "" 1.234ms)");
}

TEST(AccessLog, ClientThatLeft) {
  const testing::FakeExchange exchange("GET", "/x");
  std::string out;
  append_access_line(out, exchange, "192.0.2.7", 2500ms);
  EXPECT_EQ(out, R"(Request 192.0.2.7 "GET /x HTTP/1.1" 499 0 "" 2.5s)");
}

TEST(AccessLog, NothingEscapesItsPlace) {
  EXPECT_EQ(
      line("/x%0A[INFO]%1b[31m%22%5C%C2%9B%C3%9B"),
      R"(Request 192.0.2.7 "GET /x\x0a[INFO]\x1b[31m\"\\\xc2\x9bÛ HTTP/1.1" 200 2 "" 1.234ms)");
  EXPECT_EQ(line("/", {{"User-Agent", "a\" 500"}, {"X-Forwarded-For", "1\x7f"}}),
            R"(Request 1\x7f "GET / HTTP/1.1" 200 2 "a\" 500" 1.234ms)");
}

TEST(AccessLog, NameOfTheKey) {
  const testing::FakeExchange exchange("GET", "/x");
  std::string out;
  append_access_line(out, exchange, "192.0.2.7", 2500ms, "anna");
  EXPECT_EQ(out, R"(Request 192.0.2.7 "GET /x HTTP/1.1" 499 0 "" 2.5s key=anna)");
}

TEST(AccessLog, Members) {
  net::Loop loop;
  testing::FakeExchange exchange("GET", "/a%20b%22?x=1", {{"User-Agent", "curl\t\"8\""}});
  testing::run(loop, send(exchange, 200, kText, "OK"));
  std::string out;
  append_access_members(out, exchange, "192.0.2.7", 1234067ns);
  EXPECT_EQ(
      out, R"("client":"192.0.2.7","method":"GET","path":"/a b\"","proto":"HTTP/1.1","status":200,)"
           R"("bytes":2,"user_agent":"curl\t\"8\"","duration_ms":1.234)");
  const testing::FakeExchange left("GET", "/x");
  out.clear();
  append_access_members(out, left, "::1", 2500ms);
  EXPECT_EQ(out, R"("client":"::1","method":"GET","path":"/x","proto":"HTTP/1.1","status":499,)"
                 R"("bytes":0,"user_agent":"","duration_ms":2500.000)");
}

TEST(AccessLog, QuietPaths) {
  for (const char* path : {"/wol-health", "/metrics", "/api/performance"})
    EXPECT_FALSE(is_logged(path)) << path;
  for (const char* path : {"/health", "/v1/metrics", "/api/metrics/activity"})
    EXPECT_TRUE(is_logged(path)) << path;
}

}  // namespace
}  // namespace llama_swap::server
