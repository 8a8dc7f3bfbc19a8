#include "server/utf8_tail.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(Utf8Tail, ByteByByteLosesNothing) {
  const std::string text = "aé━😀z";
  Utf8Tail tail;
  std::string joined;
  for (const char c : text) {
    const std::string out = tail.next(std::string_view(&c, 1));
    EXPECT_TRUE(out.empty() || (out[0] & 0xc0) != 0x80) << "cut inside a character";
    joined += out;
  }
  EXPECT_EQ(joined, text);
}

TEST(Utf8Tail, Table) {
  const struct {
    const char* in;
    const char* want;
  } cases[] = {
      {"abc", "abc"},
      {"a\xc3", "a"},
      {"a\xe2\x94", "a"},
      {"a\xf0\x9f\x98", "a"},
      {"a\x80\x80", "a\x80\x80"},
      {"a\xff", "a\xff"},
      {"\xe2\x94\x81", "\xe2\x94\x81"},
  };
  for (const auto& c : cases) {
    Utf8Tail tail;
    EXPECT_EQ(tail.next(c.in), c.want);
  }
}

}  // namespace
}  // namespace llama_swap::server
