// The tables of the activity database (http-api 22), and how a file comes to have them.
//
//   activity, goose_db_version   the original's, as its program makes and expects them
//   ls_request                   what we know of a request beyond that, by activity id
//   ls_day                       sums per day and kind of request: totals, statistics, usage
//   ls_speed                     how many rows have a speed in a narrow range: statistics
//   ls_version                   the version of the ls_ tables
//
// For other programs, the original's included, triggers on `activity` keep ls_day and ls_speed, so
// they stay exact whoever writes; the triggers use nothing but plain SQL. Our own connection writes
// without them, and changes the sums once a batch (sums.h).
#pragma once

#include <string>
#include <string_view>

#include "store/database.h"

namespace llama_swap::store {

// Of the ls_ tables.
inline constexpr int kSchemaVersion = 3;

// Quick whatever the size of the file: sets the connection up and makes the original's tables in a
// file that lacks them. `in_memory`: as open() was told.
util::Result<> adopt(Database& database, bool in_memory);

// Makes the ls_ tables, triggers and indexes where they are missing or of an older version, all or
// nothing. With many rows that were written without them it takes a while: a minute for some
// millions.
// Errors also: invalid, for a file made by a newer version of this program.
util::Result<> add_ours(Database& database);

// What add_ours() would have to look at; 0 if everything is there.
util::Result<std::int64_t> rows_without_ours(Database& database);

// The sum of a column or expression. SQL's own fails when it is too large, and what a file holds
// may come from any model server: this one is exact to 2^53, and the largest number beyond 2^63.
std::string sum_sql(std::string_view value);

// ls_speed counts positive speeds in buckets, 1/64 wide below 64, sixteen times as wide from there
// to 1024, and so on.
inline constexpr std::int64_t kBucketsPerStep = 4096;
inline constexpr std::int64_t kBucketSteps = 5;
// The lower bound of a bucket; exact.
double bucket_floor(std::int64_t bucket);
// Infinity for the last one.
double bucket_ceiling(std::int64_t bucket);
// Of a positive, finite speed.
std::int64_t bucket_of(double speed);
// The same in SQL, of a column or expression that is positive.
std::string bucket_sql(std::string_view speed);

}  // namespace llama_swap::store
