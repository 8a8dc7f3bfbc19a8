#include "server/redaction.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(Redaction, Names) {
  EXPECT_EQ(canonical_header_name("content-TYPE"), "Content-Type");
  EXPECT_EQ(canonical_header_name("x-api-key"), "X-Api-Key");
}

TEST(Redaction, Secrets) {
  const Redaction redaction({"X-Patient", "x-room"});
  for (const char* secret :
       {"authorization", "COOKIE", "Set-Cookie", "x-api-key", "Proxy-Authorization", "api-key",
        "X-Goog-Api-Key", "X-Auth", "X-Auth-Token", "CF-Access-Client-Secret", "Proxy-Authenticate",
        "X-Amz-Security-Token", "X-Credential", "x-password", "Cookie2", "X-Hub-Signature-256",
        "x-patient", "X-Room"})
    EXPECT_EQ(redaction.shown(secret, "s"), "[REDACTED]") << secret;
  for (const char* open : {"Accept", "Content-Type", "X-Session-ID", "X-Patients", "Keep-Alive"})
    EXPECT_EQ(redaction.shown(open, "s"), "s") << open;
  EXPECT_EQ(Redaction().shown("X-Patient", "s"), "s");
}

TEST(Redaction, HeadersAsJson) {
  const net::Headers headers{{"accept", "a"}, {"Accept", "b"}, {"cookie", "c=1"}, {"x-empty", ""}};
  EXPECT_EQ(headers_json(headers, Redaction()).dump(),
            R"({"Accept":"a","Cookie":"[REDACTED]","X-Empty":""})");
  EXPECT_EQ(headers_json({}, Redaction()).dump(), "{}");
}

TEST(Redaction, NoMoreThanThat) {
  const Redaction none;
  const net::Headers headers{{"a", "12345"}, {"A", "x"}, {"b", "67890"}, {"c", "1"}};
  const struct {
    std::size_t most;
    const char* want;
  } cases[] = {
      {200, R"({"A":"12345","B":"67890","C":"1"})"},
      {76, R"({"A":"12345","B":"67890"})"},
      {75, R"({"A":"12345","B":"6789..."})"},
      {71, R"({"A":"12345","B":"..."})"},
      {70, R"({"A":"12345"})"},
      {32, "{}"},
      {0, "{}"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(dump(headers_json(headers, none, c.most)), c.want) << c.most;
  EXPECT_EQ(dump(headers_json({{"x", "a\xc3\xa4"}}, none, 35)), R"({"X":"a..."})")
      << "no character in part";
}

TEST(Redaction, FlatAndBack) {
  const std::string flat = flatten({{"A", "1"}, {"B", ""}, {"a", "2"}});
  const net::Headers back = unflatten(flat);
  ASSERT_EQ(back.size(), 3u);
  EXPECT_EQ(back[1].name, "B");
  EXPECT_EQ(back[1].value, "");
  EXPECT_EQ(back[2].value, "2");
  EXPECT_TRUE(unflatten("").empty());

  net::ResponseHead head;
  head.headers = {{"A", "1"}};
  EXPECT_EQ(flatten(head, {net::BodyFraming::chunked}), flatten(head.headers));
  EXPECT_EQ(flatten(head, {net::BodyFraming::length, 70}),
            flatten({{"A", "1"}, {"Content-Length", "70"}}));
}

}  // namespace
}  // namespace llama_swap::server
