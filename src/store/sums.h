// What a batch of rows changes in ls_day and ls_speed (schema.h), added up before it is written: a
// thousand requests of one kind and day are one change. Does what the triggers do for programs that
// know nothing of these tables, and to the same numbers.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string_view>

#include "store/activity.h"
#include "store/database.h"

namespace llama_swap::store {

class Sums {
 public:
  Sums() = default;
  Sums(const Sums&) = delete;
  Sums& operator=(const Sums&) = delete;

  // The row must outlive write(). Of a row that goes only what is summed up is looked at.
  void add(const Activity& row) { count(row, 1); }
  void remove(const Activity& row) { count(row, -1); }

  // Once, in the transaction that writes or deletes the rows, on a connection without triggers.
  util::Result<> write(Database& database) const;

 private:
  struct DayKey {
    std::int64_t day;
    std::string_view model, path;
    std::int64_t status_class;
    bool failed;
    std::string_view key;
    auto operator<=>(const DayKey&) const = default;
  };
  struct DayChange {
    std::array<std::int64_t, 8> sums{};  // in the order of the table
    std::int64_t min_id, max_id;
  };
  struct SpeedKey {
    std::int64_t kind, bucket;
    std::string_view model;
    auto operator<=>(const SpeedKey&) const = default;
  };

  void count(const Activity& row, std::int64_t sign);
  void count_speed(std::int64_t kind, double speed, std::string_view model, std::int64_t sign);
  util::Result<> write_days(Database& database) const;
  util::Result<> write_speeds(Database& database) const;

  std::map<DayKey, DayChange> days_;
  std::map<SpeedKey, std::int64_t> speeds_;
  decltype(days_)::iterator last_ = days_.end();  // mostly the next row's as well
  bool removes_ = false;
};

}  // namespace llama_swap::store
