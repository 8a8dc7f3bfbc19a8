#include "config/command.h"

#include <gtest/gtest.h>

namespace llama_swap::config {
namespace {

using Arguments = std::vector<std::string>;

TEST(Command, CommentLinesAreRemovedAndTheRestIsUntouched) {
  static const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"", ""},
      {"serve", "serve"},
      {"# all", ""},
      {"serve\n# no\n--a 1", "serve\n--a 1"},
      {"serve\n  \t# no\n\n --b  ", "serve\n\n --b  "},
      {"serve # stays", "serve # stays"},
      {"serve 'a\n# in quotes\nb'", "serve 'a\nb'"},
      {"serve\n", "serve\n"},
      {"#a\n#b\nserve", "serve"},
  };
  for (const auto& c : cases) EXPECT_EQ(without_comments(c.text), c.want) << c.text;
}

TEST(Command, Splitting) {
  static const struct {
    const char* name;
    const char* text;
    Arguments want;
  } cases[] = {
      {"blanks, tabs and line ends separate", " a\tb\n c  d ", {"a", "b", "c", "d"}},
      {"a carriage return does not", "a\r b", {"a\r", "b"}},
      {"nor do Unicode spaces", "a\u00a0b", {"a\u00a0b"}},
      {"nothing", "", {}},
      {"only blanks", " \n\t", {}},
      {"only comments", "# a\n  # b", {}},
      {"comments between", "a\n# x\nb", {"a", "b"}},
      {"hash within a line", "a #b c#d", {"a", "#b", "c#d"}},
      {"backslash before a character", "a\\ b \\\"c\\' \\\\ \\x", {"a b", "\"c'", "\\", "x"}},
      {"single quotes are literal", R"('a "b" \n $x' c)", {R"(a "b" \n $x)", "c"}},
      {"double quotes escape four characters",
       R"("\$ \` \" \\ \n \' \x")",
       {R"($ ` " \ \n \' \x)"}},
      {"adjacent pieces join", R"(x"y z"w'v u')", {"xy zwv u"}},
      {"empty arguments", R"('' "" a'')", {"", "", "a"}},
      {"unterminated single quote", "a 'b c", {"a", "b c"}},
      {"unterminated double quote", "a \"b c", {"a", "b c"}},
      {"quotes across lines", "'a\nb' \"c\nd\"", {"a\nb", "c\nd"}},
      {"no shell",
       "echo $HOME a|b *.c ~ `x` >f ;&",
       {"echo", "$HOME", "a|b", "*.c", "~", "`x`", ">f", ";&"}},
      {"continued lines", "a \\\n  b \\  \n c\\\nd", {"a", "b", "c", "d"}},
      {"continuation within quotes", "\"a\\\nb\"", {"a \nb"}},
      {"a backslash alone ends nothing", "a \\", {"a"}},
      {"two backslashes leave an escaped space", "a b\\\\\nc", {"a", "b ", "c"}},
      {"comment after a continued line", "a \\\n# no\n b", {"a", "b"}},
  };
  for (const auto& c : cases) EXPECT_EQ(split_command(c.text), c.want) << c.name;
}

TEST(Command, StopCommandKnowsTheProcess) {
  EXPECT_EQ(stop_command("kill -2 ${PID} 'p${PID}'", 42), (Arguments{"kill", "-2", "42", "p42"}));
  EXPECT_EQ(stop_command("stop ${pid} $PID", 42), (Arguments{"stop", "${pid}", "$PID"}));
  EXPECT_EQ(stop_command("# nothing\n", 42), Arguments{});
}

}  // namespace
}  // namespace llama_swap::config
