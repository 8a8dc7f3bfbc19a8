#include "store/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "util/text.h"

namespace llama_swap::store {
namespace {

constexpr const char* kOriginal = R"(
CREATE TABLE activity (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ts_created INTEGER NOT NULL,
  model_id TEXT NOT NULL,
  req_path TEXT NOT NULL DEFAULT '',
  resp_content_type TEXT NOT NULL DEFAULT '',
  resp_status_code INTEGER NOT NULL DEFAULT 0,
  cache_tokens INTEGER NOT NULL DEFAULT 0,
  draft_tokens INTEGER NOT NULL DEFAULT 0,
  draft_acc_tokens INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  prompt_per_second REAL NOT NULL DEFAULT 0,
  tokens_per_second REAL NOT NULL DEFAULT 0,
  duration_ms INTEGER NOT NULL DEFAULT 0,
  error_msg TEXT NOT NULL DEFAULT '',
  metadata_json TEXT NOT NULL DEFAULT ''
);
CREATE INDEX idx_activity_created_id ON activity (ts_created DESC, id DESC);
CREATE INDEX idx_activity_model_created_id ON activity (model_id, ts_created DESC, id DESC);
CREATE TABLE IF NOT EXISTS goose_db_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version_id INTEGER NOT NULL,
  is_applied INTEGER NOT NULL,
  tstamp TIMESTAMP DEFAULT (datetime('now'))
);
INSERT INTO goose_db_version (version_id, is_applied)
  SELECT 0, 1 WHERE NOT EXISTS (SELECT 1 FROM goose_db_version WHERE version_id = 0);
INSERT INTO goose_db_version (version_id, is_applied)
  SELECT 1, 1 WHERE NOT EXISTS (SELECT 1 FROM goose_db_version WHERE version_id = 1);
)";

constexpr const char* kTables = R"(
CREATE TABLE ls_version (version INTEGER NOT NULL);
CREATE TABLE ls_request (
  activity_id INTEGER PRIMARY KEY,
  started_ms INTEGER,                      -- Unix milliseconds
  queue_ms INTEGER,
  load_ms INTEGER,
  first_byte_ms INTEGER,
  prefill_ms INTEGER,
  decode_ms INTEGER,
  key TEXT NOT NULL DEFAULT '',            -- the name of the API key
  client TEXT NOT NULL DEFAULT '',
  session TEXT NOT NULL DEFAULT '',
  swap_caused INTEGER NOT NULL DEFAULT 0,
  bytes_in INTEGER NOT NULL DEFAULT 0,
  bytes_out INTEGER NOT NULL DEFAULT 0,
  ending INTEGER NOT NULL DEFAULT 0,       -- 0 complete, 1 truncated, 2 cancelled
  prompt_tokens INTEGER,                   -- with cached ones, whichever way the server counts
  request_id TEXT NOT NULL DEFAULT ''
);
CREATE TABLE ls_day (
  day INTEGER NOT NULL,                    -- of UTC, since 1970-01-01
  model_id TEXT NOT NULL,
  req_path TEXT NOT NULL,
  status_class INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  key TEXT NOT NULL,
  requests INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cache_tokens INTEGER NOT NULL,           -- of positive values
  prompt_tokens INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  min_id INTEGER NOT NULL,                 -- no row of these is outside; there may be none at the ends
  max_id INTEGER NOT NULL,
  PRIMARY KEY (day, model_id, req_path, status_class, failed, key)
) WITHOUT ROWID;
CREATE TABLE ls_speed (
  kind INTEGER NOT NULL,                   -- 0 prompt, 1 generation
  bucket INTEGER NOT NULL,
  model_id TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (kind, bucket, model_id)
) WITHOUT ROWID;
)";

// Each has only the rows that are looked for by it: what most rows have, or lack, costs nothing.
// Questions must repeat the condition.
constexpr const char* kIndexes = R"(
CREATE INDEX ls_request_key ON ls_request (key) WHERE key <> '';
CREATE INDEX ls_request_client ON ls_request (client) WHERE client <> '';
CREATE INDEX ls_request_session ON ls_request (session) WHERE session <> '';
CREATE INDEX ls_activity_model ON activity (model_id);
CREATE INDEX ls_activity_path ON activity (req_path);
CREATE INDEX ls_activity_status ON activity (resp_status_code / 100)
  WHERE resp_status_code / 100 <> 2;
CREATE INDEX ls_activity_error ON activity (id) WHERE error_msg <> '';
CREATE INDEX ls_activity_prompt ON activity (model_id, prompt_per_second)
  WHERE (prompt_per_second > 0) = 1;
CREATE INDEX ls_activity_generation ON activity (model_id, tokens_per_second)
  WHERE (tokens_per_second > 0) = 1;
)";

// Version 1 had all rows in them.
constexpr const char* kDropIndexesOf1 = R"(
DROP INDEX ls_request_key;
DROP INDEX ls_request_client;
DROP INDEX ls_request_session;
DROP INDEX ls_activity_model;
DROP INDEX ls_activity_path;
DROP INDEX ls_activity_status;
DROP INDEX ls_activity_error;
DROP INDEX ls_activity_prompt;
DROP INDEX ls_activity_generation;
)";

// Version 2 had all but this. Looks at no row.
constexpr const char* kAddColumnOf3 =
    "ALTER TABLE ls_request ADD COLUMN request_id TEXT NOT NULL DEFAULT ''";

// What of `activity` (as `row`) and ls_request (as r) makes a row of ls_day.
constexpr const char* kDayOfRow = R"sql(
  {row}.ts_created / 86400, {row}.model_id, {row}.req_path, {row}.resp_status_code / 100,
  {row}.error_msg <> '', coalesce(r.key, ''))sql";
// The sums of ls_day, and what a row adds to them.
struct Sum {
  const char* name;
  const char* of_row;
};
constexpr Sum kSums[] = {{"requests", "1"},
                         {"input_tokens", "{row}.input_tokens"},
                         {"output_tokens", "{row}.output_tokens"},
                         {"cache_tokens", "max({row}.cache_tokens, 0)"},
                         {"prompt_tokens", "coalesce(r.prompt_tokens, 0)"},
                         {"bytes_in", "coalesce(r.bytes_in, 0)"},
                         {"bytes_out", "coalesce(r.bytes_out, 0)"},
                         {"duration_ms", "{row}.duration_ms"}};

struct Speed {
  int kind;
  const char* column;
};
constexpr Speed kSpeeds[] = {{0, "prompt_per_second"}, {1, "tokens_per_second"}};

std::string of_row(std::string_view text, std::string_view row) {
  return util::replace_all(std::string(text), "{row}", row);
}

// Counts a row of `activity`: NEW with sign "", OLD with "-".
std::string count_row(std::string_view row, std::string_view sign) {
  std::string values, updates;
  for (const Sum& sum : kSums) {
    values += fmt::format("{}{}, ", sign, of_row(sum.of_row, row));
    updates += fmt::format("{0} = {0} + excluded.{0}, ", sum.name);
  }
  std::string out = fmt::format(
      "INSERT INTO ls_day SELECT {0}, {1} {2}.id, {2}.id\n"
      "  FROM (SELECT 1) LEFT JOIN ls_request r ON r.activity_id = {2}.id WHERE true\n"
      "  ON CONFLICT (day, model_id, req_path, status_class, failed, key) DO UPDATE SET {3}\n"
      "    min_id = min(min_id, excluded.min_id), max_id = max(max_id, excluded.max_id);\n",
      of_row(kDayOfRow, row), values, row, updates);
  for (const Speed& speed : kSpeeds)
    out += fmt::format(
        "INSERT INTO ls_speed SELECT {0}, {1}, {2}.model_id, {3}1 WHERE {2}.{4} > 0\n"
        "  ON CONFLICT (kind, bucket, model_id) DO UPDATE SET requests = requests + "
        "excluded.requests;\n",
        speed.kind, bucket_sql(fmt::format("{}.{}", row, speed.column)), row, sign, speed.column);
  return out;
}

std::string drop_row() {
  std::string out = count_row("OLD", "-");
  out += "DELETE FROM ls_day WHERE requests <= 0 AND day = OLD.ts_created / 86400;\n";
  for (const Speed& speed : kSpeeds)
    out += fmt::format("DELETE FROM ls_speed WHERE requests <= 0 AND kind = {} AND bucket = {};\n",
                       speed.kind, bucket_sql(fmt::format("OLD.{}", speed.column)));
  return out;
}

std::string triggers() {
  return "CREATE TRIGGER ls_activity_added AFTER INSERT ON activity BEGIN\n" +
         count_row("NEW", "") + "END;\n" +  //
         "CREATE TRIGGER ls_activity_removed AFTER DELETE ON activity BEGIN\n" + drop_row() +
         "DELETE FROM ls_request WHERE activity_id = OLD.id;\nEND;\n" +
         "CREATE TRIGGER ls_activity_changed AFTER UPDATE ON activity BEGIN\n" + drop_row() +
         count_row("NEW", "") + "END;\n";
}

// The sums over what is there already.
std::string count_all() {
  std::string sums;
  for (const Sum& sum : kSums) sums += fmt::format("{}, ", sum_sql(of_row(sum.of_row, "a")));
  std::string out = fmt::format(
      "INSERT INTO ls_day SELECT {}, {} min(a.id), max(a.id)\n"
      "  FROM activity a LEFT JOIN ls_request r ON r.activity_id = a.id GROUP BY 1, 2, 3, 4, 5, "
      "6;\n",
      of_row(kDayOfRow, "a"), sums);
  for (const Speed& speed : kSpeeds)
    out += fmt::format(
        "INSERT INTO ls_speed SELECT {0}, {1}, model_id, count(*) FROM activity\n"
        "  WHERE {2} > 0 GROUP BY 2, 3;\n",
        speed.kind, bucket_sql(speed.column), speed.column);
  return out;
}

constexpr std::string_view kHasTable =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?";

util::Result<bool> has_table(Database& database, std::string_view name) {
  auto statement = database.prepare(kHasTable);
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(name);
  if (const auto row = statement->step(); !row) return tl::unexpected(row.error());
  return statement->integer(0) > 0;
}

// 0: none of our tables.
util::Result<std::int64_t> version(Database& database) {
  const auto there = has_table(database, "ls_version");
  if (!there) return tl::unexpected(there.error());
  if (!*there) return 0;
  auto number = database.integer("SELECT max(version) FROM ls_version");
  if (number && *number > kSchemaVersion)
    return util::fail(util::Errc::invalid,
                      fmt::format("the activity database was made by a newer version (its tables "
                                  "have version {}, this program knows {})",
                                  *number, kSchemaVersion));
  return number;
}

util::Result<> set_up_file(Database& database) {
  auto statement = database.prepare_once("PRAGMA journal_mode = WAL");
  if (!statement) return tl::unexpected(statement.error());
  if (const auto row = statement->step(); !row) return tl::unexpected(row.error());
  if (const std::string mode = statement->text(0); mode != "wal")
    return util::fail(util::Errc::io, "no write-ahead log possible: journal mode is " + mode);
  // What a power failure may cost is the last seconds, never the file.
  // Under load a page that many rows share is copied into the file, and synced, once per 16 MiB of
  // log instead of once per batch.
  return database.execute(
      "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4096; "
      "PRAGMA journal_size_limit = 16777216");
}

}  // namespace

util::Result<> adopt(Database& database, bool in_memory) {
  // Has an effect only before the first table: what retention frees can then be given back.
  if (auto done = database.execute("PRAGMA auto_vacuum = INCREMENTAL"); !done) return done;
  if (!in_memory) {
    if (auto done = set_up_file(database); !done) return done;
  }
  const auto there = has_table(database, "activity");
  if (!there) return tl::unexpected(there.error());
  if (*there) return {};
  auto transaction = Transaction::begin(database, Transaction::Kind::write);
  if (!transaction) return tl::unexpected(transaction.error());
  if (auto done = database.execute(kOriginal); !done) return done;
  return transaction->commit();
}

util::Result<> add_ours(Database& database) {
  const auto found = version(database);
  if (!found) return tl::unexpected(found.error());
  if (*found == kSchemaVersion) return {};
  auto transaction = Transaction::begin(database, Transaction::Kind::write);
  if (!transaction) return tl::unexpected(transaction.error());
  std::vector<std::string> steps;
  if (*found == 0)
    steps = {kTables, count_all(), triggers(), kIndexes};
  else if (*found == 1)
    steps = {kDropIndexesOf1, kIndexes, kAddColumnOf3};
  else
    steps = {kAddColumnOf3};
  steps.push_back(fmt::format("INSERT INTO ls_version VALUES ({})", kSchemaVersion));
  for (const std::string& sql : steps)
    if (auto done = database.execute(sql); !done) return done;
  return transaction->commit();
}

util::Result<std::int64_t> rows_without_ours(Database& database) {
  const auto found = version(database);
  if (!found) return tl::unexpected(found.error());
  if (*found >= 2) return 0;  // what came later is a column
  return database.integer("SELECT coalesce(max(id), 0) FROM activity");
}

std::string sum_sql(std::string_view value) {
  return fmt::format("CAST(total({}) AS INTEGER)", value);
}

// Widths are powers of two, so that a bound is exact and SQL's arithmetic agrees with ours.
double bucket_floor(std::int64_t bucket) {
  const auto step = static_cast<int>(bucket / kBucketsPerStep);
  return std::ldexp(static_cast<double>(bucket % kBucketsPerStep), 4 * step - 6);
}

double bucket_ceiling(std::int64_t bucket) {
  if (bucket >= kBucketsPerStep * kBucketSteps - 1) return std::numeric_limits<double>::infinity();
  const auto step = static_cast<int>(bucket / kBucketsPerStep);
  return std::ldexp(static_cast<double>(bucket % kBucketsPerStep + 1), 4 * step - 6);
}

std::int64_t bucket_of(double speed) {
  double limit = 64, width = 1.0 / 64;
  std::int64_t step = 0;
  for (; step < kBucketSteps - 1 && speed >= limit; ++step, limit *= 16, width *= 16) continue;
  // The last bucket takes all beyond it, too.
  return step * kBucketsPerStep +
         std::min(static_cast<std::int64_t>(std::min(speed, limit) / width), kBucketsPerStep - 1);
}

std::string bucket_sql(std::string_view speed) {
  std::string out = "CASE";
  double limit = 64, width = 1.0 / 64;
  for (std::int64_t step = 0; step < kBucketSteps; ++step, limit *= 16, width *= 16) {
    const bool last = step == kBucketSteps - 1;
    // The last bucket takes all beyond it, too.
    const std::string value =
        last ? fmt::format("min({}, {:.1f})", speed, limit - 1) : std::string(speed);
    out += last ? std::string(" ELSE ") : fmt::format(" WHEN {} < {:.1f} THEN ", speed, limit);
    out += fmt::format("{} + CAST({} / {:.17g} AS INTEGER)", step * kBucketsPerStep, value, width);
  }
  return out + " END";
}

}  // namespace llama_swap::store
