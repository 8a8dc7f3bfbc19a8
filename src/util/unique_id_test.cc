#include "util/unique_id.h"

#include <gtest/gtest.h>

#include <set>

namespace llama_swap::util {
namespace {

TEST(UniqueIds, NoneComesTwice) {
  UniqueIds ids;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(ids.next());
  EXPECT_EQ(seen.size(), 10'000u);
}

// The first numbers of the reference implementation from the start 1234567.
TEST(UniqueIds, IsSplitMix64) {
  UniqueIds ids(1234567);
  EXPECT_EQ(ids.next(), 6457827717110365317u);
  EXPECT_EQ(ids.next(), 3203168211198807973u);
}

TEST(UniqueIds, TwoProcessesStartElsewhere) {
  EXPECT_NE(UniqueIds().next(), UniqueIds().next());
}

TEST(UniqueIds, Hex) {
  std::string out = "x";
  append_hex(out, 0x0123456789abcdef);
  append_hex(out, 0);
  EXPECT_EQ(out, "x0123456789abcdef0000000000000000");
}

}  // namespace
}  // namespace llama_swap::util
