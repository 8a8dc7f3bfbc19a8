#include "server/api_key.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(ApiKey, Base64) {
  EXPECT_EQ(base64_decode("YW55OnNlY3JldA=="), "any:secret");
  EXPECT_EQ(base64_decode("YWJj"), "abc");
  EXPECT_EQ(base64_decode(""), "");
  for (const char* bad : {"YWJ", "YW=j", "!!!notbase64", "YWJj=", "YW Jj", "===="})
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
}

TEST(ApiKey, ShownKey) {
  const struct {
    const char* authorization;
    const char* x_api_key;
    const char* want;
  } cases[] = {
      {"Bearer secret", nullptr, "secret"},
      {"bEaReR other", nullptr, "other"},
      {"Bearer  secret", nullptr, " secret"},
      {"Bearer wrong", "secret", "wrong"},
      {"Bearer ", "secret", "secret"},
      {"Basic YW55OnNlY3JldA==", "x", "secret"},  // any:secret
      {"Basic c2VjcmV0Og==", "x", "x"},           // secret:
      {"Basic bm9jb2xvbg==", "x", "x"},           // nocolon
      {"Basic !!!notbase64", "x", "x"},
      {"Basic OmE6Yg==", nullptr, "a:b"},  // :a:b
      {"Digest abc", "x", "x"},
      {"secret", "x", "x"},
      {nullptr, "x", "x"},
      {nullptr, nullptr, ""},
  };
  for (const auto& c : cases) {
    net::RequestHead head;
    if (c.authorization) head.headers.push_back({"authorization", c.authorization});
    if (c.x_api_key) head.headers.push_back({"X-API-Key", c.x_api_key});
    EXPECT_EQ(shown_key(head), c.want) << (c.authorization ? c.authorization : "none");
  }
}

}  // namespace
}  // namespace llama_swap::server
