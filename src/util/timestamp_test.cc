#include "util/timestamp.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

using std::chrono::microseconds;

TEST(Timestamp, Parses) {
  struct Case {
    const char* text;
    std::optional<std::int64_t> seconds;  // since 1970
    std::int64_t micros = 0;              // and these
  };
  static const Case cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2006-01-02T15:04:05Z", 1136214245},
      {"2006-01-02T15:04:05-07:00", 1136239445},
      {"2006-01-02T15:04:05+01:30", 1136208845},
      {"2006-01-02T15:04:05 01:30", 1136208845},
      {"2006-01-02T15:04:05.999999999Z", 1136214245, 999999},
      {"2006-01-02T15:04:05.25-07:00", 1136239445, 250000},
      {"2006-01-02T15:04:05,5Z", 1136214245, 500000},
      {"2024-02-29T00:00:00Z", 1709164800},
      {"1969-12-31T23:59:59Z", -1},
      {"0001-01-01T00:00:00Z", -62135596800},
      {"9999-12-31T23:59:59Z", 253402300799},
      {"", std::nullopt},
      {"now", std::nullopt},
      {"1136214245", std::nullopt},
      {"2006-01-02", std::nullopt},
      {"2006-01-02T15:04:05", std::nullopt},
      {"2006-01-02 15:04:05Z", std::nullopt},
      {"2006-01-02t15:04:05z", std::nullopt},
      {"2006-01-02T15:04:05.Z", std::nullopt},
      {"2006-01-02T15:04:05Zx", std::nullopt},
      {"2006-01-02T15:04:05+0130", std::nullopt},
      {"2006-01-02T15:04:05+01:30x", std::nullopt},
      {"2006-1-02T15:04:05Z", std::nullopt},
      {"2006-13-02T15:04:05Z", std::nullopt},
      {"2023-02-29T00:00:00Z", std::nullopt},
      {"2006-01-02T24:00:00Z", std::nullopt},
      {"2006-01-02T15:60:05Z", std::nullopt},
      {"2006-01-02T15:04:60Z", std::nullopt},
  };
  for (const Case& c : cases) {
    std::optional<ParsedTime> want;
    if (c.seconds) want = ParsedTime(microseconds(*c.seconds * 1'000'000 + c.micros));
    EXPECT_EQ(parse_rfc3339(c.text), want) << c.text;
  }
}

TEST(Timestamp, Writes) {
  for (const char* text : {"2024-05-06T07:08:09.010Z", "1969-12-31T23:59:59.250Z"})
    EXPECT_EQ(rfc3339(*parse_rfc3339(text)), text);
}

}  // namespace
}  // namespace llama_swap::util
