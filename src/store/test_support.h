// What the tests of the store share: rows, and the rules once more, the slow and obvious way.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/activity.h"
#include "store/database.h"
#include "store/histogram.h"

namespace llama_swap::store {

class SortedVector : public SortedValues {
 public:
  explicit SortedVector(std::vector<double> values) : values_(std::move(values)) {
    std::ranges::sort(values_);
  }
  std::int64_t count() const override { return static_cast<std::int64_t>(values_.size()); }
  util::Result<double> nth(std::int64_t rank) override {
    return values_.at(static_cast<std::size_t>(rank));
  }
  util::Result<std::int64_t> count_below(double value) override {
    return std::ranges::lower_bound(values_, value) - values_.begin();
  }

 private:
  std::vector<double> values_;
};

// http-api 19.4, word for word.
inline std::optional<Histogram> histogram_by_rule(std::vector<double> values) {
  std::erase_if(values, [](double v) { return v <= 0; });
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  Histogram out;
  out.min = values.front();
  out.max = values.back();
  const double n = static_cast<double>(values.size());
  const int count = std::clamp(static_cast<int>(std::ceil(std::log2(n))) + 1, 5, 20);
  out.bin_size = (out.max - out.min) / count;
  if (out.min == out.max) {
    out.bins = {static_cast<std::int64_t>(values.size())};
  } else {
    out.bins.resize(static_cast<std::size_t>(count));
    for (const double v : values) {
      const int index = static_cast<int>(std::floor((v - out.min) / out.bin_size));
      ++out.bins[static_cast<std::size_t>(std::min(index, count - 1))];
    }
  }
  const auto percentile = [&](double p) {
    const double rank = p / 100 * (n - 1);
    const auto low = static_cast<std::size_t>(rank);
    const std::size_t high = std::min(low + 1, values.size() - 1);
    return values[low] + (values[high] - values[low]) * (rank - static_cast<double>(low));
  };
  out.p50 = percentile(50);
  out.p95 = percentile(95);
  out.p99 = percentile(99);
  return out;
}

// A directory of the test's own, removed with all that is in it.
class Directory {
 public:
  Directory() {
    std::string name = ::testing::TempDir() + "store-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A connection like any program's: no part of the store.
class Connection {
 public:
  explicit Connection(const std::string& path) {
    EXPECT_TRUE(database_.open(path, util::milliseconds(5000)));
  }
  void execute(const std::string& sql) {
    const auto done = database_.execute(sql);
    EXPECT_TRUE(done) << sql << ": " << (done ? "" : done.error().message);
  }
  // The first row, its columns joined by '|'.
  std::string row(const std::string& sql, int columns = 1) {
    auto statement = database_.prepare_once(sql);
    if (!statement) return statement.error().message;
    const auto there = statement->step();
    if (!there) return there.error().message;
    std::string out;
    for (int i = 0; *there && i < columns; ++i) out += (i > 0 ? "|" : "") + statement->text(i);
    return out;
  }
  std::vector<std::string> column(const std::string& sql) {
    auto statement = database_.prepare_once(sql);
    if (!statement) return {statement.error().message};
    std::vector<std::string> out;
    for (auto row = statement->step(); row && *row; row = statement->step())
      out.push_back(statement->text(0));
    return out;
  }

 private:
  Database database_;
};

// A row that fails has a status and an error.
inline Activity activity(std::string model, int status = 200, std::string error = "") {
  Activity row;
  row.ended = std::chrono::sys_seconds(util::seconds(1'700'000'000));
  row.model = std::move(model);
  row.path = "/v1/chat/completions";
  row.content_type = "application/json";
  row.status = status;
  row.error = std::move(error);
  return row;
}

}  // namespace llama_swap::store
