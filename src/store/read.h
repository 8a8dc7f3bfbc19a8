// Answers questions about activity from a database that has our tables (schema.h). On the
// database's thread; each sees one state of it. Errors are those of database.h, and others named
// here.
#pragma once

#include <vector>

#include "store/activity.h"
#include "store/database.h"

namespace llama_swap::store {

// not_found: `after` or `before` names no row, where that matters (not when sorting by id).
util::Result<Page> list(Database& database, const Query& query);
// The rows alone, without a total.
util::Result<std::vector<Activity>> rows(Database& database, const Query& query);
// Of these models together; empty: of all.
util::Result<Stats> stats(Database& database, const std::vector<std::string>& models);
// In order of day, key, model.
util::Result<std::vector<Usage>> usage(Database& database, const UsageQuery& query);
// Rows in the table.
util::Result<std::int64_t> row_count(Database& database);

}  // namespace llama_swap::store
