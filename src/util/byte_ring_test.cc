#include "util/byte_ring.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(ByteRing, KeepsTheLastBytes) {
  ByteRing ring(8);
  EXPECT_EQ(ring.text(), "");
  ring.write("abc");
  EXPECT_EQ(ring.text(), "abc");
  ring.write("defgh");
  EXPECT_EQ(ring.text(), "abcdefgh");
  ring.write("ij");
  EXPECT_EQ(ring.text(), "cdefghij");
  ring.write("0123456789");
  EXPECT_EQ(ring.text(), "23456789");
  ring.write("");
  EXPECT_EQ(ring.size(), 8u);
}

}  // namespace
}  // namespace llama_swap::util
