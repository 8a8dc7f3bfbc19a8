#include "server/failed_attempts.h"

#include <gtest/gtest.h>

#include <string>

namespace llama_swap::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct FailedAttemptsTest : ::testing::Test {
  FailedAttempts::Outcome guess(const std::string& key, const std::string& address = "192.0.2.7") {
    return attempts.record(address, util::sha256(key), now);
  }
  // Another key every time.
  milliseconds fail(const std::string& address = "192.0.2.7") {
    return guess(std::to_string(++keys), address).lock;
  }
  milliseconds locked(const std::string& address = "192.0.2.7") const {
    return attempts.locked_for(address, now);
  }
  FailedAttempts attempts;
  util::Time now{seconds(1000)};
  int keys = 0;
};

TEST_F(FailedAttemptsTest, LocksDouble) {
  for (const int want : {0, 0, 0, 0, 500, 1000, 2000, 4000, 8000, 8000, 8000}) {
    EXPECT_EQ(fail(), milliseconds(want));
    EXPECT_EQ(locked(), milliseconds(want));
    now += milliseconds(want);
    EXPECT_EQ(locked(), milliseconds(0));
  }
  for (int i = 0; i < 2000; ++i) fail();
  EXPECT_EQ(fail(), milliseconds(8000));
}

TEST_F(FailedAttemptsTest, ALockEnds) {
  for (int i = 0; i < 5; ++i) fail();
  now += milliseconds(499);
  EXPECT_EQ(locked(), milliseconds(1));
  now += std::chrono::microseconds(500);
  EXPECT_EQ(locked(), milliseconds(1));
  now += std::chrono::microseconds(500);
  EXPECT_EQ(locked(), milliseconds(0));
}

TEST_F(FailedAttemptsTest, TheSameWrongKeyIsNoNewGuess) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(guess("old").lock, milliseconds(0));
  for (int i = 0; i < 3; ++i) fail();
  EXPECT_EQ(locked(), milliseconds(0));
  fail();
  EXPECT_EQ(locked(), milliseconds(500));
}

TEST_F(FailedAttemptsTest, NewsAreTheFirstAndWhatLocks) {
  for (const bool want : {true, false, false, false, true, true})
    EXPECT_EQ(guess(std::to_string(++keys)).is_news, want) << keys;
  EXPECT_FALSE(guess(std::to_string(keys)).is_news);
  now += seconds(60);
  EXPECT_TRUE(guess(std::to_string(keys)).is_news);
}

TEST_F(FailedAttemptsTest, AQuietMinuteIsForgiven) {
  for (int i = 0; i < 8; ++i) fail();
  now += seconds(59);
  EXPECT_GT(fail(), milliseconds(0));
  now += seconds(60);
  EXPECT_EQ(fail(), milliseconds(0));
}

TEST_F(FailedAttemptsTest, EachAddressForItself) {
  for (int i = 0; i < 8; ++i) fail();
  EXPECT_EQ(locked("192.0.2.8"), milliseconds(0));
  EXPECT_EQ(fail("192.0.2.8"), milliseconds(0));
  EXPECT_GT(fail(), milliseconds(0));
}

TEST_F(FailedAttemptsTest, OneNetworkOfIpv6IsOneClient) {
  for (int i = 0; i < 4; ++i) fail("2001:db8::" + std::to_string(i));
  EXPECT_EQ(fail("2001:db8:0:0:ffff::1"), milliseconds(500));
  EXPECT_EQ(locked("2001:db8::77"), milliseconds(500));
  EXPECT_EQ(fail("2001:db8:0:1::1"), milliseconds(0));
}

TEST_F(FailedAttemptsTest, TheLongestQuietIsForgottenFirst) {
  for (int i = 0; i < 8; ++i) fail();
  for (std::size_t i = 0; i < FailedAttempts::kMaxAddresses - 1; ++i)
    fail("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  EXPECT_EQ(attempts.addresses(), FailedAttempts::kMaxAddresses);
  EXPECT_GT(fail(), milliseconds(0));  // and so it is the latest
  fail("10.1.0.0");
  EXPECT_EQ(attempts.addresses(), FailedAttempts::kMaxAddresses);
  EXPECT_GT(fail(), milliseconds(0));
  for (std::size_t i = 0; i < FailedAttempts::kMaxAddresses; ++i)
    fail("10.2." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  EXPECT_EQ(fail(), milliseconds(0));
}

}  // namespace
}  // namespace llama_swap::server
