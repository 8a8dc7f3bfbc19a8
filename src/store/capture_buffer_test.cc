#include "store/capture_buffer.h"

#include <gtest/gtest.h>

namespace llama_swap::store {
namespace {

std::string ids(const CaptureBuffer& buffer) {
  std::string out;
  for (std::int64_t id = 1; id < 10; ++id)
    if (buffer.find(id)) out += std::to_string(id);
  return out;
}

TEST(CaptureBuffer, TheOldestGoFirst) {
  CaptureBuffer buffer;
  buffer.set_limit(10);
  for (std::int64_t id = 1; id <= 3; ++id) buffer.put(id, std::string(3, 'x'));
  EXPECT_EQ(ids(buffer), "123");
  buffer.put(4, "1");
  EXPECT_EQ(ids(buffer), "1234") << "filled to the last byte";
  EXPECT_EQ(buffer.bytes(), 10u);
  buffer.put(5, "1");
  EXPECT_EQ(ids(buffer), "2345");
  buffer.put(6, "7654321");
  EXPECT_EQ(ids(buffer), "456");
  buffer.put(7, std::string(10, 'x'));
  EXPECT_EQ(ids(buffer), "7");
}

TEST(CaptureBuffer, TooLargeForEver) {
  CaptureBuffer buffer;
  buffer.put(1, "x");
  EXPECT_EQ(ids(buffer), "") << "the limit is 0 at first";
  buffer.set_limit(10);
  buffer.put(2, "x");
  buffer.put(3, std::string(11, 'x'));
  EXPECT_EQ(ids(buffer), "2");
}

TEST(CaptureBuffer, SmallerLimit) {
  CaptureBuffer buffer;
  buffer.set_limit(10);
  for (std::int64_t id = 1; id <= 5; ++id) buffer.put(id, "xx");
  const Packed read = buffer.find(2);
  buffer.set_limit(5);
  EXPECT_EQ(ids(buffer), "45");
  EXPECT_EQ(buffer.bytes(), 4u);
  EXPECT_EQ(*read, "xx") << "who reads it keeps it";
  buffer.set_limit(0);
  EXPECT_EQ(buffer.size(), 0u);
}

TEST(CaptureBuffer, WhoseTheyAre) {
  CaptureBuffer buffer;
  buffer.set_limit(10);
  buffer.put(1, "x", "m");
  EXPECT_EQ(*buffer.model_of(1), "m");
  EXPECT_EQ(buffer.model_of(2), nullptr);
}

TEST(CaptureBuffer, Clear) {
  CaptureBuffer buffer;
  buffer.set_limit(4);
  buffer.put(1, "xxx");
  buffer.put(1, "y");
  EXPECT_EQ(*buffer.find(1), "xxx") << "an id is used once";
  buffer.clear();
  EXPECT_EQ(buffer.bytes(), 0u);
  buffer.put(2, "xxxx");
  EXPECT_EQ(ids(buffer), "2");
}

}  // namespace
}  // namespace llama_swap::store
