#include "observe/journal.h"

#include <gtest/gtest.h>

namespace llama_swap::observe {
namespace {

using config::LogLevel;

TEST(Journal, StreamIsNamedByDeviceAndInode) {
  const struct {
    const char* variable;
    bool is;
  } cases[] = {
      {"8:12345", true}, {"8:12346", false},   {"9:12345", false}, {"8", false},
      {"", false},       {":", false},         {"8:", false},      {"8:12345 ", false},
      {"a:b", false},    {"8:12345:1", false},
  };
  for (const auto& c : cases) EXPECT_EQ(is_journal(c.variable, 8, 12345), c.is) << c.variable;
}

std::string prioritised(LogLevel level, std::string_view text, bool at_line_start = true) {
  std::string out;
  append_with_priority(out, level, text, at_line_start);
  return out;
}

TEST(Journal, EveryLineSaysItsPriority) {
  EXPECT_EQ(prioritised(LogLevel::debug, "a\n"), "<7>a\n");
  EXPECT_EQ(prioritised(LogLevel::info, "a\n"), "<6>a\n");
  EXPECT_EQ(prioritised(LogLevel::warn, "a\nb\n"), "<4>a\n<4>b\n");
  EXPECT_EQ(prioritised(LogLevel::error, "a"), "<3>a");
  EXPECT_EQ(prioritised(LogLevel::info, ""), "");
}

TEST(Journal, NotInTheMiddleOfALine) {
  EXPECT_EQ(prioritised(LogLevel::info, "rest\nnext", false), "rest\n<6>next");
}

}  // namespace
}  // namespace llama_swap::observe
