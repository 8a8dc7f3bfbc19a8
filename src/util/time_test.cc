#include "util/time.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

using namespace std::chrono_literals;

TEST(DurationText, Table) {
  const struct {
    std::chrono::nanoseconds d;
    const char* want;
  } cases[] = {
      {0ns, "0s"},         {7ns, "7ns"},     {1500ns, "1.5µs"},
      {1234us, "1.234ms"}, {2500ms, "2.5s"}, {15s, "15s"},
      {90s, "1m30s"},      {2min, "2m0s"},   {1h + 1ms, "1h0m0.001s"},
      {-15s, "-15s"},      {100ms, "100ms"},
  };
  for (const auto& c : cases) EXPECT_EQ(duration_text(c.d), c.want);
}

}  // namespace
}  // namespace llama_swap::util
