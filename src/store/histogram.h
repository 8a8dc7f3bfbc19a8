// The statistics of http-api 19.4, from anything that can answer questions about sorted values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "store/activity.h"
#include "util/result.h"

namespace llama_swap::store {

class SortedValues {
 public:
  virtual ~SortedValues() = default;
  virtual std::int64_t count() const = 0;
  // 0 <= rank < count(); the smallest is 0.
  virtual util::Result<double> nth(std::int64_t rank) = 0;
  virtual util::Result<std::int64_t> count_below(double value) = 0;
};

// Empty if there are no values. Asks some fifty questions, however many values there are.
util::Result<std::optional<Histogram>> histogram(SortedValues& values);

}  // namespace llama_swap::store
