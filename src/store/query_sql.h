// From a question about activity to SQL: which index leads, what else must hold. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/activity.h"
#include "store/database.h"

namespace llama_swap::store {

struct Sql {
  std::string text;
  std::vector<Value> values;  // of its parameters, in order
};

// Rows of ls_day that a filter may concern, day by day: (day, requests, min_id, max_id), in order
// of the day. What ls_day does not know (client, session, ...) does not restrict.
Sql days_sql(const Filter& filter);
// Can ls_day answer it, as far as a day is inside its bounds of time and id?
bool countable_by_day(const Filter& filter);

// The ids of one page, in the order of the query; with `query.before` set, in the opposite order.
// `anchor`: the value of the sorted column in the row that `after` or `before` names; not needed
// when sorting by id.
Sql ids_sql(const Query& query, const std::optional<Value>& anchor);

// Counts what the filter lets through by looking at rows.
Sql count_sql(const Filter& filter);

// "IN (?, ?, ?)" for so many values; at least one.
std::string in_list(std::size_t values);

// The column of `activity` that is sorted by.
const char* column(Sort sort);

}  // namespace llama_swap::store
