#include "usage/json_numbers.h"

#include <gtest/gtest.h>

#include <string>

namespace llama_swap::usage {
namespace {

TEST(JsonNumbers, Table) {
  const struct {
    const char* text;
    bool is_object;
    std::optional<double> a;   // of the object
    std::optional<double> ba;  // of its member b
  } cases[] = {
      {"", false, {}, {}},
      {"null", false, {}, {}},
      {"[1]", false, {}, {}},
      {"\"a\"", false, {}, {}},
      {"{}", true, {}, {}},
      {" { } ", true, {}, {}},
      {R"({"a":1})", true, 1, {}},
      {R"( { "a" : -1.5e2 , "b" : { "a" : 2 } } )", true, -150, 2},
      {R"({"a":1,"a":2})", true, 2, {}},
      {R"({"a":1,"a":null})", true, {}, {}},
      {R"({"a":1,"a":{"a":2}})", true, {}, {}},
      {R"({"a":1,"a":"x"})", true, {}, {}},
      {R"({"b":{"a":1},"b":{"c":2}})", true, {}, {}},
      {R"({"b":{"a":1},"b":7})", true, {}, {}},
      {R"({"":{"a":1}})", true, {}, {}},
      {R"({"b":{"a":1},"c":{"b":2}})", true, {}, 1},
      {R"({"a":true,"b":{"a":false}})", true, {}, {}},
      {R"({"a":"1"})", true, {}, {}},
      {R"({"b":{"a":1},"a":3})", true, 3, 1},
      {R"({"b":{"c":{"a":9},"a":1}})", true, {}, 1},
      {R"({"b":[{"a":9}],"a":1})", true, 1, {}},
      {R"({"x":"\"}","y":["}","\\"],"a":1})", true, 1, {}},
      {R"({"\u0061":1})", true, {}, {}},
      {R"({"a":1e999})", true, {}, {}},
      {R"({"a":99999999999999999999})", true, 1e20, {}},
      {R"({"a":1)", false, {}, {}},
      {R"({"a":1}})", false, {}, {}},
      {R"({"a":1} x)", false, {}, {}},
      {R"({"a":1,})", false, {}, {}},
      {R"({"a" 1})", false, {}, {}},
      {R"({"a":})", false, {}, {}},
      {R"({"a":1x})", false, {}, {}},
      {R"({"a":nan})", false, {}, {}},
      {R"({"a":-})", false, {}, {}},
      {R"({"a":-nan})", false, {}, {}},
      {R"({"a":-inf})", false, {}, {}},
      {R"({"a":-Infinity,"b":{"a":1}})", false, {}, {}},
      {R"({"a":1,"b":"x)", false, {}, {}},
      {R"({"a":1,"b":"\)", false, {}, {}},
      {R"({"a":1,"b":[)", false, {}, {}},
      {R"({"a":1,"b":["\)", false, {}, {}},
  };
  for (const auto& c : cases) {
    const JsonNumbers numbers(c.text);
    EXPECT_EQ(numbers.is_object(), c.is_object) << c.text;
    EXPECT_EQ(numbers.find("a"), c.a) << c.text;
    EXPECT_EQ(numbers.find("b", "a"), c.ba) << c.text;
  }
}

TEST(JsonNumbers, ManyAreBounded) {
  std::string text = R"({"a":1)";
  for (int i = 0; i < 1000; ++i) text += ",\"x\":2";
  text += '}';
  const JsonNumbers numbers(text);
  EXPECT_TRUE(numbers.is_object());
  EXPECT_EQ(numbers.find("a"), 1);
  EXPECT_EQ(numbers.find("x"), 2);
}

}  // namespace
}  // namespace llama_swap::usage
