#include "net/http2_guard.h"

#include <gtest/gtest.h>

namespace llama_swap::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TokenBucket, GivesItsCapacityAndRefillsWithTime) {
  TokenBucket bucket(3, 10);
  const util::Time start{seconds(1)};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start + milliseconds(50)));
  EXPECT_TRUE(bucket.take(start + milliseconds(110)));
  EXPECT_FALSE(bucket.take(start + milliseconds(110)));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(start + seconds(100)));
  EXPECT_FALSE(bucket.take(start + seconds(100))) << "no more than its capacity";
}

// How many a client may bring at once, and in the second after that.
TEST(Http2Guard, BoundsTable) {
  using Ask = bool (Http2Guard::*)(util::Time);
  const struct {
    const char* name;
    Ask ask;
    int burst;
    int per_second;
  } cases[] = {
      {"resets", &Http2Guard::reset, 1000, 100},
      {"idle frames", &Http2Guard::idle_frame, 1000, 100},
      {"window updates", &Http2Guard::window_update, 10000, 1000},
      {"head bombs", &Http2Guard::head_bomb, 8, 0},
  };
  for (const auto& c : cases) {
    Http2Guard guard;
    const auto allowed = [&](util::Time at) {
      int n = 0;
      while ((guard.*c.ask)(at)) ++n;
      return n;
    };
    EXPECT_EQ(allowed(util::Time{seconds(1)}), c.burst) << c.name;
    EXPECT_EQ(allowed(util::Time{seconds(2)}), c.per_second) << c.name;
  }
}

TEST(Http2Guard, LargeHeadsAreBoundedByBytes) {
  Http2Guard guard;
  const auto allowed = [&](util::Time at) {
    int n = 0;
    while (guard.large_head(64 << 10, at)) ++n;
    return n;
  };
  EXPECT_EQ(allowed(util::Time{seconds(1)}), 128);
  EXPECT_EQ(allowed(util::Time{milliseconds(1500)}), 64);
}

TEST(Http2Guard, WorkEntitlesToFrames) {
  Http2Guard guard;
  const util::Time now{seconds(1)};
  while (guard.idle_frame(now)) {
  }
  while (guard.window_update(now)) {
  }
  guard.request_began();
  EXPECT_TRUE(guard.idle_frame(now));
  EXPECT_TRUE(guard.window_update(now));
  while (guard.window_update(now)) {
  }
  guard.data_sent();
  EXPECT_TRUE(guard.window_update(now));
}

}  // namespace
}  // namespace llama_swap::net
