#include "util/base64.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(Base64, Append) {
  // RFC 4648 10
  const struct {
    const char* bytes;
    const char* text;
  } cases[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};
  for (const auto& one : cases) {
    std::string out = "x";
    append_base64(out, one.bytes);
    EXPECT_EQ(out, std::string("x") + one.text);
  }
}

TEST(Base64, LongTextsAreSeamless) {
  std::string out;
  append_base64(out, std::string((6 << 20) + 1, '\0'));
  EXPECT_EQ(out.size(), ((6u << 20) + 3) / 3 * 4);
  EXPECT_EQ(out.find_first_not_of('A'), out.size() - 2);
}

}  // namespace
}  // namespace llama_swap::util
