#include "util/timestamp.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(Timestamp, Parses) {
  const struct {
    const char* text;
    const char* want;  // "" = refused
  } cases[] = {
      {"2024-05-06T07:08:09Z", "2024-05-06T07:08:09.000Z"},
      {"2024-05-06t07:08:09.5z", "2024-05-06T07:08:09.500Z"},
      {"2024-05-06T07:08:09.123456789Z", "2024-05-06T07:08:09.123Z"},
      {"2024-05-06T07:08:09+02:00", "2024-05-06T05:08:09.000Z"},
      {"2024-05-06T23:30:00.010-01:45", "2024-05-07T01:15:00.010Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},
      {"1969-12-31T23:59:59.250Z", "1969-12-31T23:59:59.250Z"},
      {"", ""},
      {"now", ""},
      {"2023-02-29T00:00:00Z", ""},
      {"2024-13-01T00:00:00Z", ""},
      {"2024-05-06 07:08:09Z", ""},
      {"2024-05-06T07:08:09", ""},
      {"2024-05-06T07:08:09.Z", ""},
      {"2024-05-06T24:00:00Z", ""},
      {"2024-05-06T07:08:09+0200", ""},
      {"2024-05-06T07:08:09Zx", ""},
      {"0001-01-01T00:00:00Z", "1677-09-21T00:12:43.145Z"},
      {"9999-01-01T00:00:00Z", "2262-04-11T23:47:16.854Z"},
      {"1714979289", ""},
  };
  for (const auto& c : cases) {
    const auto at = parse_rfc3339(c.text);
    EXPECT_EQ(at ? rfc3339(*at) : "", c.want) << c.text;
  }
}

TEST(Timestamp, KeepsMicroseconds) {
  const auto a = parse_rfc3339("2024-05-06T07:08:09.000001Z");
  const auto b = parse_rfc3339("2024-05-06T07:08:09Z");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a - *b, std::chrono::microseconds(1));
}

}  // namespace
}  // namespace llama_swap::util
