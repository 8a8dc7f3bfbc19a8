#include "server/loading_text.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

using namespace std::chrono_literals;

const util::Time kBegan = util::Time() + 1h;

TEST(LoadingText, BeginAndEnd) {
  const LoadingText loading("m\"1", kBegan);
  EXPECT_EQ(loading.begin(), "━━━━━\nllama-swap loading model: m\"1\n");
  EXPECT_EQ(loading.end(kBegan + 1234ms), "\nDone! (1.23s)\n━━━━━\n \n");
}

TEST(LoadingText, OnlyNews) {
  LoadingText loading("m", kBegan);
  const auto update = [&](const swap::Wait& wait) { return loading.update(wait, kBegan); };
  swap::Wait wait;
  wait.reason = "queue";
  wait.blockers = {"b", "c"};
  wait.position = 2;
  EXPECT_EQ(update(wait), "\nQueue position: #2 \nWaiting for b, c to finish ");
  EXPECT_EQ(update(wait), "");
  wait.position = 1;
  EXPECT_EQ(update(wait), "\nQueue position: #1 ");
  wait.position = 0;
  wait.reason = "stop";
  wait.blockers = {"b"};
  EXPECT_EQ(update(wait), "\nMaking room: stopping b ");
  wait.reason = "load";
  wait.blockers = {};
  EXPECT_EQ(update(wait), "");
  wait.expected_at = kBegan + 12'300ms;
  EXPECT_EQ(update(wait), "\nUsually ready in 12s ");
  EXPECT_EQ(loading.update(wait, kBegan + 3s), "") << "the tick tells the time";
}

TEST(LoadingText, NowAndThenATickTellsTheTime) {
  LoadingText loading("m", kBegan);
  swap::Wait wait;
  wait.reason = "load";
  wait.expected_at = kBegan + 10s;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 7; ++i) EXPECT_EQ(loading.tick(wait, kBegan), ".");
    if (round == 0) {
      EXPECT_EQ(loading.tick(wait, kBegan + 6s), " 6s, about 4s to go ");
    } else {
      EXPECT_EQ(loading.tick(wait, kBegan + 12s), " 12s ") << "later than expected";
    }
  }
}

}  // namespace
}  // namespace llama_swap::server
