#include "util/text.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(Text, Trim) {
  EXPECT_EQ(trim("  a b\r\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, CaseIsAsciiOnly) {
  EXPECT_EQ(lower("AbC-Ä"), "abc-Ä");
  EXPECT_TRUE(iequals("Content-Type", "content-TYPE"));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_TRUE(icontains("Text/Event-Stream; x", "event-stream"));
  EXPECT_FALSE(icontains("short", "longer than that"));
}

TEST(Text, SplitJoinReplace) {
  EXPECT_EQ(split("a,,b", ',').size(), 3u);
  EXPECT_EQ(split("", ',').size(), 1u);
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(replace_all("aXbXX", "X", "yX"), "ayXbyXyX");
}

TEST(Text, PercentDecode) {
  const struct {
    const char* in;
    const char* want;
  } cases[] = {{"a%2Fb", "a/b"},   {"%252F", "%2F"}, {"%zz%4", "%zz%4"},
               {"%e2%9c%93", "✓"}, {"%41", "A"},     {"%4", "%4"}};
  for (const auto& c : cases) EXPECT_EQ(percent_decode(c.in), c.want) << c.in;
}

TEST(Text, JsonQuote) {
  EXPECT_EQ(json_quote("a\"b\n"), R"("a\"b\n")");
  EXPECT_EQ(json_quote("x\xff"), "\"x\xEF\xBF\xBD\"");
  for (const char* text : {"", "plain", "a\"b\\", "\x1b[m", "caf\u00e9", "x\xff", "\x7f"}) {
    std::string out = "> ";
    append_json_quoted(out, text);
    EXPECT_EQ(out, "> " + json_quote(text));
  }
}

}  // namespace
}  // namespace llama_swap::util
