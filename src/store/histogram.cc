#include "store/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace llama_swap::store {
namespace {

util::Result<double> percentile(SortedValues& values, double percent) {
  const double rank = percent / 100 * static_cast<double>(values.count() - 1);
  const auto below = static_cast<std::int64_t>(rank);
  const double share = rank - static_cast<double>(below);
  const auto low = values.nth(below);
  if (!low || share == 0) return low;
  const auto high = values.nth(below + 1);
  if (!high) return high;
  return *low + (*high - *low) * share;
}

// The smallest value that the rule, index = floor((v - min) / size), puts into bin `index`: the
// rounding of that expression decides, so the neighbourhood of the computed bound is searched.
double first_of_bin(double min, double size, std::int64_t index) {
  const double wanted = static_cast<double>(index);
  const auto reaches = [&](double v) { return std::floor((v - min) / size) >= wanted; };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double v = min + wanted * size;
  while (!reaches(v)) v = std::nextafter(v, kInfinity);
  for (double lower = std::nextafter(v, -kInfinity); reaches(lower);
       lower = std::nextafter(v, -kInfinity))
    v = lower;
  return v;
}

util::Result<> fill_bins(SortedValues& values, Histogram& out) {
  const std::int64_t n = values.count();
  const int log2_rounded_up = std::bit_width(static_cast<std::uint64_t>(n - 1));
  const int count = std::clamp(log2_rounded_up + 1, 5, 20);
  out.bin_size = (out.max - out.min) / count;
  if (out.bin_size == 0) {
    out.bins = {n};
    return {};
  }
  std::int64_t before = 0;
  for (int index = 1; index < count; ++index) {
    const auto below = values.count_below(first_of_bin(out.min, out.bin_size, index));
    if (!below) return tl::unexpected(below.error());
    out.bins.push_back(*below - before);
    before = *below;
  }
  out.bins.push_back(n - before);
  return {};
}

}  // namespace

util::Result<std::optional<Histogram>> histogram(SortedValues& values) {
  if (values.count() == 0) return std::nullopt;
  Histogram out;
  const auto take = [](util::Result<double> value, double& target) -> util::Result<> {
    if (!value) return tl::unexpected(value.error());
    target = *value;
    return {};
  };
  if (auto done = take(values.nth(0), out.min); !done) return tl::unexpected(done.error());
  if (auto done = take(values.nth(values.count() - 1), out.max); !done)
    return tl::unexpected(done.error());
  if (auto done = fill_bins(values, out); !done) return tl::unexpected(done.error());
  if (auto done = take(percentile(values, 50), out.p50); !done) return tl::unexpected(done.error());
  if (auto done = take(percentile(values, 95), out.p95); !done) return tl::unexpected(done.error());
  if (auto done = take(percentile(values, 99), out.p99); !done) return tl::unexpected(done.error());
  return out;
}

}  // namespace llama_swap::store
