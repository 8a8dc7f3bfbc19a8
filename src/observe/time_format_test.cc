#include "observe/time_format.h"

#include <gtest/gtest.h>

namespace llama_swap::observe {
namespace {

// Mon 2 Jan 2006 15:04:05, zone MST -0700.
std::tm reference() {
  std::tm t{};
  t.tm_year = 106, t.tm_mon = 0, t.tm_mday = 2, t.tm_wday = 1;
  t.tm_hour = 15, t.tm_min = 4, t.tm_sec = 5;
  t.tm_gmtoff = -7 * 3600, t.tm_zone = "MST";
  return t;
}

std::string text(std::string_view name, const std::tm& t, int nanoseconds) {
  std::string out;
  append_time(out, time_format(name), t, nanoseconds);
  return out;
}

TEST(TimeFormat, Table) {
  const struct {
    const char* name;
    const char* want;
  } cases[] = {
      {"ansic", "Mon Jan  2 15:04:05 2006"},
      {"unixdate", "Mon Jan  2 15:04:05 MST 2006"},
      {"rubydate", "Mon Jan 02 15:04:05 -0700 2006"},
      {"rfc822", "02 Jan 06 15:04 MST"},
      {"rfc822z", "02 Jan 06 15:04 -0700"},
      {"rfc850", "Monday, 02-Jan-06 15:04:05 MST"},
      {"rfc1123", "Mon, 02 Jan 2006 15:04:05 MST"},
      {"rfc1123z", "Mon, 02 Jan 2006 15:04:05 -0700"},
      {"rfc3339", "2006-01-02T15:04:05-07:00"},
      {"rfc3339nano", "2006-01-02T15:04:05.123456789-07:00"},
      {"kitchen", "3:04PM"},
      {"stamp", "Jan  2 15:04:05"},
      {"stampmilli", "Jan  2 15:04:05.123"},
      {"stampmicro", "Jan  2 15:04:05.123456"},
      {"stampnano", "Jan  2 15:04:05.123456789"},
      {" RFC3339 ", "2006-01-02T15:04:05-07:00"},
      {"", ""},
      {"iso", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(text(c.name, reference(), 123456789), c.want) << c.name;
}

TEST(TimeFormat, Edges) {
  std::tm t = reference();
  EXPECT_EQ(text("rfc3339nano", t, 0), "2006-01-02T15:04:05-07:00");
  EXPECT_EQ(text("rfc3339nano", t, 120000000), "2006-01-02T15:04:05.12-07:00");
  t.tm_gmtoff = 5 * 3600 + 1800;
  EXPECT_EQ(text("rfc3339", t, 0), "2006-01-02T15:04:05+05:30");
  t.tm_gmtoff = 0;
  EXPECT_EQ(text("rfc3339", t, 0), "2006-01-02T15:04:05Z");
  EXPECT_EQ(text("rfc822z", t, 0), "02 Jan 06 15:04 +0000");
  t.tm_hour = 0;
  EXPECT_EQ(text("kitchen", t, 0), "12:04AM");
  t.tm_hour = 12;
  EXPECT_EQ(text("kitchen", t, 0), "12:04PM");
}

// A zone given as an offset, so that no zone files are needed.
TEST(LocalTime, FixedZone) {
  setenv("TZ", "MST7", 1);
  tzset();
  LocalTime local;
  const std::chrono::system_clock::time_point at{std::chrono::seconds(1136239445) +
                                                 std::chrono::milliseconds(123)};
  std::string out;
  local.append(out, TimeFormat::unixdate, at);
  EXPECT_EQ(out, "Mon Jan  2 15:04:05 MST 2006");
  out.clear();
  local.append(out, TimeFormat::stampmilli, at + std::chrono::milliseconds(900));
  EXPECT_EQ(out, "Jan  2 15:04:06.023");
  unsetenv("TZ");
  tzset();
}

}  // namespace
}  // namespace llama_swap::observe
