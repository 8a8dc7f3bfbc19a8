#include "usage/error_text.h"

#include <gtest/gtest.h>

namespace llama_swap::usage {
namespace {

std::string text_of(std::string_view body) {
  ErrorText error;
  error.feed(body);
  return error.text();
}

TEST(ErrorText, Table) {
  const std::string long_text(600, 'x');
  const struct {
    std::string body;
    std::string expected;
  } cases[] = {
      {R"({"error":{"message":"no such model","type":"x","code":404}})", "no such model"},
      {R"({"error":"overloaded"})", "overloaded"},
      {R"({"message":"bad","detail":"worse"})", "bad"},
      {R"({"detail":"Not Found"})", "Not Found"},
      {R"({"detail":"d","message":"m","error":{"message":"e"}})", "e"},
      {R"({"detail":"d","message":" \n ","error":{"message":""}})", "d"},
      {R"({"error":{"message":"  \ttrimmed\n"}})", "trimmed"},
      {R"({"error":{"message":{"x":1}},"message":7,"detail":[{"msg":"x"}]})", ""},
      {R"({"error":null,"message":"m"})", "m"},
      {R"({"error":{"message":"a \"quoted\" \u00fc\ud83d\ude00"}})", "a \"quoted\" ü😀"},
      {R"({"x":{"error":{"message":"deeper"}}})", ""},
      {"{\"error\":\"" + std::string(500, 'x') + "\"}", std::string(500, 'x')},
      {"{\"error\":\"" + long_text + "\"}", std::string(500, 'x') + "..."},
      {"{\"error\":\"" + std::string(499, 'x') + "ü\"}", std::string(499, 'x') + "..."},
      {"{\"error\":\"\xff\",\"detail\":\"d\"}", "d"},
      {"<html>502</html>", ""},
      {"", ""},
      {"[]", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(text_of(c.body), c.expected) << c.body;
}

TEST(ErrorText, LongerThanIsKept) {
  for (std::size_t before = 0; before < 14; ++before) {
    std::string body = "{\"message\":\"" + std::string(before, 'x');
    for (int i = 0; i < 2000; ++i) body += R"(\ud83d\ude00ü)";
    EXPECT_TRUE(text_of(body + "\"}").ends_with("...")) << before;
  }
  std::string far = "{\"x\":\"" + std::string(ErrorText::kMaxBody, 'x') + "\",\"error\":\"e\"}";
  EXPECT_EQ(text_of(far), "");
}

TEST(ErrorText, Status) {
  EXPECT_EQ(status_text(502, "Bad Gateway"), "502 Bad Gateway");
  EXPECT_EQ(status_text(599, ""), "HTTP 599");
}

}  // namespace
}  // namespace llama_swap::usage
