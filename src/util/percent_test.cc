#include "util/percent.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(Percent, Digits) {
  const std::string_view digits = "0123456789abcdef", capitals = "0123456789ABCDEF";
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(hex_digit(digits[static_cast<std::size_t>(i)]), i);
    EXPECT_EQ(hex_digit(capitals[static_cast<std::size_t>(i)]), i);
  }
  for (const char c : std::string_view("/:@G`g \0\x10\x90\xe1", 11)) EXPECT_FALSE(is_hex(c)) << c;
}

TEST(Percent, Encode) {
  EXPECT_EQ(percent_encode("aZ9/b c\xc3\xa4%", "/"), "aZ9/b%20c%C3%A4%25");
  EXPECT_EQ(form_encode("a b+c-_.~/\n"), "a+b%2Bc-_.~%2F%0A");
}

TEST(Percent, DecodeForms) {
  EXPECT_EQ(form_decode("a+b%2Bc%c3%A4%"), std::nullopt);
  EXPECT_EQ(form_decode("a+b%2Bc%c3%A4"), "a b+c\xc3\xa4");
  for (const char* broken : {"%", "%4", "%4g", "%g4", "x%"})
    EXPECT_EQ(form_decode(broken), std::nullopt) << broken;
}

}  // namespace
}  // namespace llama_swap::util
