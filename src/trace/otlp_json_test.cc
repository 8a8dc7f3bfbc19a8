#include "trace/otlp_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace llama_swap::trace {
namespace {

using namespace std::chrono_literals;

TEST(OtlpJson, OneSpan) {
  Span span;
  span.context = {{0x5b8efff798038103, 0xd269b633813fc60c}, 0xeee19b7ec3c1b174, 1, "a=\"1\""};
  span.parent = 0xeee19b7ec3c1b173;
  span.name = "GET \"/x\"";
  span.kind = Kind::server;
  span.begin = Time(1544712660s);
  span.end = Time(1544712661s + 5ns);
  span.attributes = {{"http.response.status_code", 200}, {"url.path", "/x\n\xff"}};
  span.status = Status::error;
  span.status_text = "no \"luck\"";
  EXPECT_EQ(otlp_json({"me", "v1"}, {&span, 1}),
            R"({"resourceSpans":[{"resource":{"attributes":[)"
            R"({"key":"service.name","value":{"stringValue":"me"}},)"
            R"({"key":"service.version","value":{"stringValue":"v1"}}]},)"
            R"("scopeSpans":[{"scope":{"name":"llama-swap","version":"v1"},"spans":[)"
            R"({"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",)"
            R"("parentSpanId":"eee19b7ec3c1b173","traceState":"a=\"1\"","flags":1,)"
            R"("name":"GET \"/x\"","kind":2,"startTimeUnixNano":"1544712660000000000",)"
            R"("endTimeUnixNano":"1544712661000000005","attributes":[)"
            R"({"key":"http.response.status_code","value":{"intValue":"200"}},)"
            "{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/x\\n\xEF\xBF\xBD\"}}],"
            R"("status":{"code":2,"message":"no \"luck\""}}]}]}]})");
}

TEST(OtlpJson, ManySpans) {
  const std::vector<Span> spans(3);
  const auto parsed = nlohmann::json::parse(otlp_json({"me", "v1"}, spans));
  const auto& told = parsed["resourceSpans"][0]["scopeSpans"][0]["spans"];
  ASSERT_EQ(told.size(), 3u);
  EXPECT_FALSE(told[2].contains("parentSpanId"));
  EXPECT_FALSE(told[2].contains("traceState"));
  EXPECT_EQ(told[2]["kind"], 1);
  EXPECT_EQ(told[2]["status"]["code"], 0);
  EXPECT_TRUE(told[2]["attributes"].empty());
}

}  // namespace
}  // namespace llama_swap::trace
