#include "util/json_path.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

// One step a bracket: its name, and what it is in an array.
std::string text(std::string_view key) {
  const auto path = parse_json_path(key);
  if (!path) return path.error().message;
  std::string out;
  for (const JsonStep& step : *path) {
    out += "[" + step.name;
    if (step.index) out += " " + std::to_string(*step.index);
    if (step.at_end) out += " end";
    out += "]";
  }
  return out;
}

TEST(JsonPath, Steps) {
  struct Case {
    std::string_view key;
    std::string_view want;
  };
  static const Case cases[] = {
      {"a", "[a]"},
      {"a.b.c", "[a][b][c]"},
      {R"(a\.b)", "[a.b]"},
      {R"(a\.b.c)", "[a.b][c]"},
      {R"(a\\.b)", R"([a\][b])"},
      {R"(a\)", "[a]"},
      {"a..b", "[a][][b]"},
      {"a.", "[a][]"},
      {".", "[][]"},
      {"a.0.12", "[a][0 0][12 12]"},
      {"a.007", "[a][007 7]"},
      {"a.65535", "[a][65535 65535]"},
      {"a.65536", "[a][65536]"},
      {"a.99999999999999999999999", "[a][99999999999999999999999]"},
      {"a.-1", "[a][-1 end]"},
      {"a.-2", "[a][-2]"},
      {"a.1x", "[a][1x]"},
      {"a.+1", "[a][+1]"},
      {"a.:1.:-1", "[a][1][-1]"},
      {":a.b", "[a][b]"},
      {"a:b.::c", "[a:b][:c]"},
      {R"(\:a)", "[:a]"},
      {R"(a.\1)", "[a][1]"},
      {R"(a\|\#\@\*\?)", "[a|#@*?]"},
      {"\xc3\xa9 x", "[\xc3\xa9 x]"},
      {"", "a parameter needs a name"},
      {"a|b", R"(patterns are not supported: write \| for the character itself)"},
      {"a.#", R"(patterns are not supported: write \# for the character itself)"},
      {"@this", R"(patterns are not supported: write \@ for the character itself)"},
      {"a*", R"(patterns are not supported: write \* for the character itself)"},
      {"a.b?", R"(patterns are not supported: write \? for the character itself)"},
  };
  for (const Case& c : cases) EXPECT_EQ(text(c.key), c.want) << c.key;
}

}  // namespace
}  // namespace llama_swap::util
