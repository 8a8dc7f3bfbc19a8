#include "server/reachability.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

using namespace std::chrono_literals;

constexpr util::Time at(int second) {
  return util::Time(std::chrono::seconds(second));
}

TEST(Reachability, OneLineForEachWay) {
  Reachability known;
  EXPECT_FALSE(known.reached("p"));
  EXPECT_EQ(known.failure("p"), nullptr);
  EXPECT_TRUE(known.failed("p", "refused", at(1)));
  EXPECT_FALSE(known.failed("p", "timed out", at(5)));
  ASSERT_NE(known.failure("p"), nullptr);
  EXPECT_EQ(known.failure("p")->since, at(1));
  EXPECT_EQ(known.failure("p")->last, at(5));
  EXPECT_EQ(known.failure("p")->why, "timed out");
  EXPECT_EQ(known.failure("q"), nullptr);
  EXPECT_TRUE(known.reached("p"));
  EXPECT_FALSE(known.reached("p"));
  EXPECT_TRUE(known.failed("p", "refused", at(9)));
  EXPECT_EQ(known.failure("p")->since, at(9));
}

TEST(Reachability, FailedLately) {
  Reachability known;
  EXPECT_FALSE(known.failed_lately("p", 30s, at(1)));
  known.failed("p", "refused", at(1));
  EXPECT_TRUE(known.failed_lately("p", 30s, at(30)));
  EXPECT_FALSE(known.failed_lately("p", 30s, at(31)));
  EXPECT_FALSE(known.failed_lately("p", 0s, at(1)));
  known.trying("p", at(31));  // one request tries, the others go elsewhere
  EXPECT_TRUE(known.failed_lately("p", 30s, at(60)));
  EXPECT_EQ(known.failure("p")->since, at(1));
  known.trying("q", at(31));
  EXPECT_EQ(known.failure("q"), nullptr);
  known.failed("q", "refused", at(40));
  known.forget("p");
  EXPECT_EQ(known.failure("p"), nullptr);
  EXPECT_NE(known.failure("q"), nullptr);
  known.forget_all();
  EXPECT_EQ(known.failure("q"), nullptr);
}

}  // namespace
}  // namespace llama_swap::server
