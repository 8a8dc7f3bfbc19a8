#include "server/rename.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(Rename, Query) {
  const struct {
    const char* query;
    const char* want;
  } cases[] = {
      {"model=old", "model=a%2Fb+c"},
      {"", "model=a%2Fb+c"},
      {"x=1&model=old&b=%20&model=again", "b=+&model=a%2Fb+c&x=1"},
      {"z=2&z=1&a", "a=&model=a%2Fb+c&z=2&z=1"},
      {"bad=%zz&se;mi=1&&ok=1", "model=a%2Fb+c&ok=1"},
      {"%6dodel=old&y=%C3%A9~", "model=a%2Fb+c&y=%C3%A9~"},
  };
  for (const auto& c : cases) EXPECT_EQ(set_query_value(c.query, "model", "a/b c"), c.want);
}

TEST(Rename, FormSpans) {
  const struct {
    const char* text;
    std::vector<ByteSpan> want;
  } cases[] = {
      {"model=m1&x=1", {{6, 2}}},
      {"x=1&model=m1", {{10, 2}}},
      {"x=1&%6Dodel=m%31&model=2", {{12, 4}, {23, 1}}},
      {"model=a&model&model=", {{6, 1}, {20, 0}}},
      {"models=1", {}},
      {"model=%z&model=ok", {{15, 2}}},
  };
  for (const auto& c : cases) EXPECT_EQ(form_value_spans(c.text, "model"), c.want) << c.text;
  std::string many;
  for (std::size_t i = 0; i <= kMaxSpans; ++i) many += "model=&";
  EXPECT_EQ(form_value_spans(many, "model").size(), kMaxSpans);
}

}  // namespace
}  // namespace llama_swap::server
