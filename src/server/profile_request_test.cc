#include "server/profile_request.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(ProfileRequest, Table) {
  const struct {
    const char* body;
    const char* want;  // the name, or the error
  } cases[] = {
      {"", "invalid profile request"},
      {"{", "invalid profile request"},
      {"[]", "invalid profile request"},
      {"\"x\"", "invalid profile request"},
      {"null", "profile name is required"},
      {"{}", "profile name is required"},
      {R"({"names":"x"})", "profile name is required"},
      {R"({"name":1})", "profile name must be a string or null"},
      {R"({"name":{}})", "profile name must be a string or null"},
      {R"({"name":null})", ""},
      {R"({"name":""})", ""},
      {R"({"name":"coding"})", "coding"},
      {R"({"name":"coding"} and more)", "coding"},
      {"\n {\"name\":\"a b\"}{", "a b"},
  };
  for (const auto& c : cases) {
    const auto got = parse_profile_request(c.body);
    EXPECT_EQ(got ? *got : got.error().message, c.want) << c.body;
  }
}

}  // namespace
}  // namespace llama_swap::server
