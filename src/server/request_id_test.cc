#include "server/request_id.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(RequestId, OnlySaneOnesAreTakenOver) {
  const struct {
    std::string id;
    bool usable;
  } cases[] = {
      {"a", true},
      {"Root=1-67891233-abcdef012345678912345678", true},
      {"f47ac10b-58cc-4372-a567-0e02b2c3d479", true},
      {"aB9-_.:/+=@~", true},
      {std::string(128, 'x'), true},
      {std::string(129, 'x'), false},
      {"", false},
      {"a b", false},
      {"a\"b", false},
      {"a,b", false},
      {"a\\b", false},
      {"a\x7f", false},
      {"caf\xc3\xa9", false},
      {"<script>", false},
      {"${jndi}", false},
  };
  for (const auto& c : cases) EXPECT_EQ(is_usable_request_id(c.id), c.usable) << c.id;
}

TEST(RequestId, OthersAreMade) {
  RequestIds ids;
  net::RequestHead head;
  const std::string first(ids.of(head)), second(ids.of(head));
  EXPECT_EQ(first.size(), 16u);
  EXPECT_TRUE(is_usable_request_id(first));
  EXPECT_NE(first, second);
  head.headers = {{"x-request-id", "mine"}};
  EXPECT_EQ(ids.of(head), "mine");
  head.headers = {{"X-Request-ID", "not mine"}};
  EXPECT_EQ(ids.of(head).size(), 16u);
}

}  // namespace
}  // namespace llama_swap::server
