#include "matrix/expression.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace llama_swap::matrix {
namespace {

// With every operation in parentheses.
std::string text_of(const Expression& expression) {
  std::vector<std::string> texts;
  for (const Node& node : expression.nodes) {
    std::string text = node.kind == Node::set ? "+" + node.text : node.text;
    for (int child : node.children) {
      text += text.empty() ? "(" : node.kind == Node::all_of ? " & " : " | ";
      text += texts[static_cast<std::size_t>(child)];
    }
    texts.push_back(node.children.empty() ? text : text + ")");
  }
  return texts.back();
}

TEST(Expression, Accepted) {
  static const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"a", "a"},
      {" a ", "a"},
      {"((a))", "a"},
      {"a & b & c", "(a & b & c)"},
      {"a|b|c", "(a | b | c)"},
      {"a & b | c & d", "((a & b) | (c & d))"},
      {"a & (b | c) & d", "(a & (b | c) & d)"},
      {"(a & b) & c", "((a & b) & c)"},
      {"+s&t", "(+s & t)"},
      {"+a.b-c_9|x", "(+a.b-c_9 | x)"},
      {"-", "-"},
      {"a.gguf-Q4_K", "a.gguf-Q4_K"},
      {"größe & 模型 & ٣", "(größe & 模型 & ٣)"},
      {"\u00A0a\u3000&\u2028b\u0085", "(a & b)"},
      {"a\n  & b\n", "(a & b)"},
  };
  for (const auto& c : cases) {
    const auto parsed = parse(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(text_of(*parsed), c.want) << c.text;
  }
}

TEST(Expression, Refused) {
  static const struct {
    const char* text;
    const char* message;
    std::size_t at;  // in bytes
  } cases[] = {
      {"", "empty expression", 0},
      {" \t\u00A0", "empty expression", 0},
      {"a @ b", "unexpected character \"@\" at position 2", 2},
      {"  a @ b", "unexpected character \"@\" at position 2", 4},
      {"a/b", "unexpected character \"/\" at position 1", 1},
      {"!a", "unexpected character \"!\" at position 0", 0},
      {"größe → b", "unexpected character \"→\" at position 6", 8},
      {"a b @", "unexpected character \"@\" at position 4", 4},
      {"+", "set name expected after + at position 0", 0},
      {"+ s", "set name expected after + at position 0", 0},
      {"a + b", "set name expected after + at position 2", 2},
      {"a & +(b)", "set name expected after + at position 4", 4},
      {"a b", "unexpected token \"b\" at position 2", 2},
      {"a +b", "unexpected token \"+b\" at position 2", 2},
      {"a (b)", "unexpected token \"(\" at position 2", 2},
      {"a)", "unexpected token \")\" at position 1", 1},
      {"a || b", "unexpected token \"|\" at position 3", 3},
      {"& a", "unexpected token \"&\" at position 0", 0},
      {" a & ", "unexpected token end of expression at position 3", 4},
      {"(a &", "unexpected token end of expression at position 4", 4},
      {"()", "unexpected token \")\" at position 1", 1},
      {"(a", "missing closing parenthesis", 0},
      {"a & (b | (c)", "missing closing parenthesis", 4},
      {"a\xFF", "unexpected character \"\xEF\xBF\xBD\" at position 1", 1},
  };
  for (const auto& c : cases) {
    const auto parsed = parse(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().message, c.message) << c.text;
    EXPECT_EQ(parsed.error().at, c.at) << c.text;
  }
}

TEST(Expression, PlacesOfNames) {
  const auto parsed = parse("  ä & (+s | b)");
  ASSERT_TRUE(parsed);
  std::vector<std::size_t> places;
  for (const Node& node : parsed->nodes)
    if (node.children.empty()) places.push_back(node.at);
  EXPECT_EQ(places, (std::vector<std::size_t>{2, 8, 13}));
}

TEST(Expression, NestedAsDeepAsAnybodyLikes) {
  constexpr std::size_t kDepth = 200'000;
  std::string text;
  for (std::size_t i = 0; i < kDepth; ++i) text += i % 2 == 0 ? "a&(" : "b|(";
  text += "c" + std::string(kDepth, ')');
  const auto parsed = parse(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->nodes.size(), 2 * kDepth + 1);
  EXPECT_FALSE(parse(text.substr(0, text.size() - 1)));
}

}  // namespace
}  // namespace llama_swap::matrix
