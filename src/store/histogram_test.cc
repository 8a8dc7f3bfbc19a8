#include "store/histogram.h"

#include <gtest/gtest.h>

#include "store/test_support.h"

namespace llama_swap::store {
namespace {

Histogram of(std::vector<double> values) {
  SortedVector sorted(std::move(values));
  const auto out = histogram(sorted);
  EXPECT_TRUE(out && *out);
  return **out;
}

TEST(Histogram, NoValues) {
  SortedVector none({});
  const auto out = histogram(none);
  ASSERT_TRUE(out);
  EXPECT_FALSE(out->has_value());
}

TEST(Histogram, EqualValuesAreOneBin) {
  for (const std::size_t n : {1u, 2u, 100u}) {
    const Histogram got = of(std::vector<double>(n, 12.5));
    EXPECT_EQ(got.bins, std::vector<std::int64_t>{static_cast<std::int64_t>(n)});
    EXPECT_EQ(got.bin_size, 0);
    EXPECT_EQ(got.min, 12.5);
    EXPECT_EQ(got.max, 12.5);
    EXPECT_EQ(got.p50, 12.5);
    EXPECT_EQ(got.p99, 12.5);
  }
}

TEST(Histogram, ByHand) {
  // ceil(log2 4) + 1 = 3, at least 5 bins of 18; 10 | 28 | 46 | 64 | 82 .. 100
  const Histogram got = of({100, 10, 30, 82});
  EXPECT_EQ(got.bins, (std::vector<std::int64_t>{1, 1, 0, 0, 2}));
  EXPECT_EQ(got.min, 10);
  EXPECT_EQ(got.max, 100);
  EXPECT_EQ(got.bin_size, 18);
  EXPECT_DOUBLE_EQ(got.p50, 56);     // rank 1.5 of 10 30 82 100
  EXPECT_DOUBLE_EQ(got.p95, 97.3);   // rank 2.85
  EXPECT_DOUBLE_EQ(got.p99, 99.46);  // rank 2.97
}

TEST(Histogram, NumberOfBins) {
  struct Case {
    int values;
    std::size_t bins;
  };
  static const Case cases[] = {{2, 5},  {16, 5},    {17, 6},    {32, 6},
                               {33, 7}, {1024, 11}, {1025, 12}, {524'289, 20}};
  for (const Case& c : cases) {
    std::vector<double> values;
    for (int i = 1; i <= c.values; ++i) values.push_back(i);
    EXPECT_EQ(of(values).bins.size(), c.bins) << c.values;
  }
}

TEST(Histogram, BinsFollowTheRoundingOfTheRule) {
  // Values on and right beside the bounds of bins, where (v - min) / size is rounded.
  const double min = 0.1, size = 0.7 / 5;
  std::vector<double> values = {min, min + 5 * size};
  for (int i = 1; i < 5; ++i)
    for (const double v :
         {min + i * size, std::nextafter(min + i * size, 0.0), std::nextafter(min + i * size, 9.0)})
      values.push_back(v);
  EXPECT_EQ(of(values).bins, histogram_by_rule(values)->bins);
}

}  // namespace
}  // namespace llama_swap::store
