#include "config/values.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "config/natural_order.h"

namespace llama_swap::config {
namespace {

TEST(Values, Durations) {
  static const struct {
    const char* text;
    std::optional<std::int64_t> nanoseconds;
  } cases[] = {
      {"5s", 5'000'000'000},
      {"1m30s", 90'000'000'000},
      {"1.5h", 5'400'000'000'000},
      {"300ms", 300'000'000},
      {"-1s", -1'000'000'000},
      {"+1s", 1'000'000'000},
      {"0", 0},
      {"0s", 0},
      {"7us", 7000},
      {"7\u00b5s", 7000},
      {"7\u03bcs", 7000},
      {"3ns", 3},
      {".5s", 500'000'000},
      {"5.s", 5'000'000'000},
      {"", {}},
      {"5", {}},
      {"s", {}},
      {"5 s", {}},
      {"5d", {}},
      {".s", {}},
      {"1.2.3s", {}},
      {"-", {}},
      {"5S", {}},
      {"9999999h", {}},
  };
  for (const auto& c : cases) {
    const auto value = parse_duration(c.text);
    EXPECT_EQ(value.has_value(), c.nanoseconds.has_value()) << c.text;
    if (value && c.nanoseconds) {
      EXPECT_EQ(value->count(), *c.nanoseconds) << c.text;
    }
  }
}

TEST(Values, Sizes) {
  static const struct {
    const char* text;
    std::optional<std::uint64_t> bytes;
  } cases[] = {
      {"0", 0},
      {"4096", 4096},
      {"1B", 1},
      {"1KiB", 1024},
      {"64MiB", 64 << 20},
      {"1GiB", 1u << 30},
      {"1.5 gib", 1610612736},
      {"2TiB", 2199023255552},
      {"1kB", 1000},
      {"3MB", 3'000'000},
      {"1GB", 1'000'000'000},
      {" 1 TB ", 1'000'000'000'000},
      {"", {}},
      {"GiB", {}},
      {"-1", {}},
      {"1XB", {}},
      {"1G", {}},
      {"99999999999TiB", {}},
      {"1 2", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_size(c.text), c.bytes) << c.text;
}

TEST(Values, UrlReferences) {
  for (const char* text : {"",
                           "/",
                           "/health",
                           "health",
                           "http://localhost:5800",
                           "localhost:8080",
                           "http://h:",
                           "http://h/a b",
                           "https://u:p@h:1/x?%zz",
                           "http://[::1]:80/",
                           "http://[fe80::1%25eth0]/",
                           "//host/x",
                           "*",
                           "word",
                           "none",
                           "/a%20b",
                           "mailto:x",
                           "http:///x",
                           "///x",
                           "http://h\u00e4user/",
                           "?a:b",
                           "/a:b",
                           "#x"})
    EXPECT_EQ(url_fault(text), "") << text;
  for (const char* text :
       {"127.0.0.1:8080",  "http://h:abc",  "http://h:80x/", "://x",        ":x",
        "http://a\tb",     "/a\x7f",        "%zz",           "/health%z",   "/a%2",
        "http://h/%",      "http://h%41/",  "http://a b/",   "http://[::1", "http://[::1]x/",
        "http://u ser@h/", "http://h/#%zz", "a%zz/b",        "1:2/3",       "http://h|x/"})
    EXPECT_NE(url_fault(text), "") << text;
}

TEST(Values, NaturalOrder) {
  const std::vector<std::vector<std::string>> orders = {
      {"S2", "alpha", "s9", "s10", "zeta"},
      {"a", "a1", "a2", "a10", "a10b"},
      {"a1", "a01", "a2"},  // the same number: the shorter run goes first
      {"", "a"},
      {"A", "B", "a", "b"},
      {"a-b", "ab"},  // no digit before: what is not a letter goes first
      {"1a", "1-"},   // after a digit the letter goes first
      {"x100", "x101", "x1000"},
      {"a", "\u00e4"},
  };
  for (const auto& want : orders) {
    auto sorted = want;
    std::ranges::reverse(sorted);
    std::ranges::sort(sorted, natural_less);
    EXPECT_EQ(sorted, want);
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_FALSE(natural_less(want[i], want[i]));
      for (std::size_t j = i + 1; j < want.size(); ++j) {
        EXPECT_TRUE(natural_less(want[i], want[j])) << want[i] << " " << want[j];
        EXPECT_FALSE(natural_less(want[j], want[i])) << want[i] << " " << want[j];
      }
    }
  }
}

}  // namespace
}  // namespace llama_swap::config
