// Files that the original can open and has made (http-api 22).
#include "store/schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "store/read.h"
#include "store/storage.h"
#include "store/test_support.h"

namespace llama_swap::store {
namespace {

// As documented; by hand, and not the text of schema.cc.
constexpr const char* kOriginalFile = R"(
  CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,
    is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
  INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);
  CREATE TABLE activity (id INTEGER PRIMARY KEY AUTOINCREMENT, ts_created INTEGER NOT NULL,
    model_id TEXT NOT NULL, req_path TEXT NOT NULL DEFAULT '',
    resp_content_type TEXT NOT NULL DEFAULT '', resp_status_code INTEGER NOT NULL DEFAULT 0,
    cache_tokens INTEGER NOT NULL DEFAULT 0, draft_tokens INTEGER NOT NULL DEFAULT 0,
    draft_acc_tokens INTEGER NOT NULL DEFAULT 0, input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0, prompt_per_second REAL NOT NULL DEFAULT 0,
    tokens_per_second REAL NOT NULL DEFAULT 0, duration_ms INTEGER NOT NULL DEFAULT 0,
    error_msg TEXT NOT NULL DEFAULT '', metadata_json TEXT NOT NULL DEFAULT '');
  CREATE INDEX idx_activity_created_id ON activity (ts_created DESC, id DESC);
  CREATE INDEX idx_activity_model_created_id ON activity (model_id, ts_created DESC, id DESC);
)";
constexpr const char* kOriginalRows = R"(
  INSERT INTO activity (ts_created, model_id, req_path, resp_content_type, resp_status_code,
    cache_tokens, input_tokens, output_tokens, prompt_per_second, tokens_per_second, duration_ms,
    error_msg, metadata_json) VALUES
    (1700000000, 'm1', '/v1/chat/completions', 'application/json', 200, 5, 10, 20, 100.5, 40, 1500,
     '', '{"fifo_priority":"0"}'),
    (1700000001, 'm1', '/v1/embeddings', 'application/json', 502, -1, 7, 0, -1, -1, 10,
     '502 Bad Gateway', ''),
    (1700090000, 'm2', '/v1/chat/completions', 'text/event-stream', 200, -1, 1, 2, 0, 33.25, 20,
     '', '');
)";

template <class T, class F>
util::Result<T> ask(Storage& storage, F question) {
  return storage.read<T>(util::Time::max(), question);
}

// What add_ours() would look at.
std::int64_t uncounted(const std::string& path) {
  Database database;
  EXPECT_TRUE(database.open(path, util::milliseconds(5000)));
  return rows_without_ours(database).value();
}

util::Result<Page> all(Storage& storage) {
  return ask<Page>(storage, [](Database& database) { return list(database, Query{}); });
}

TEST(Schema, OurFileIsAsTheOriginalMakesIt) {
  Directory directory;
  const std::string ours = directory.file("ours.db"), theirs = directory.file("theirs.db");
  {
    Storage storage(ours, {});
    ASSERT_TRUE(storage.open());
    std::vector<Activity> none;
    ASSERT_TRUE(storage.write(none));
  }
  Connection(theirs).execute(kOriginalFile);
  Connection a(ours), b(theirs);
  for (const std::string table : {"activity", "goose_db_version"}) {
    const std::string columns =
        "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || "
        "coalesce(dflt_value, '-') || ' ' || pk, ', ') FROM pragma_table_info('" +
        table + "')";
    EXPECT_EQ(a.row(columns), b.row(columns));
    EXPECT_NE(a.row(columns), "");
  }
  for (const std::string index : {"idx_activity_created_id", "idx_activity_model_created_id"}) {
    const std::string columns =
        "SELECT group_concat(name || ' ' || \"desc\", ', ') FROM pragma_index_xinfo('" + index +
        "') WHERE key";
    EXPECT_EQ(a.row(columns), b.row(columns));
    EXPECT_NE(a.row(columns), "");
  }
  const std::string versions =
      "SELECT group_concat(version_id || ' ' || is_applied, ', ') FROM goose_db_version";
  EXPECT_EQ(a.row(versions), "0 1, 1 1");
  EXPECT_EQ(a.row("SELECT tstamp IS NOT NULL FROM goose_db_version"), "1");
  EXPECT_NE(a.row("SELECT sql FROM sqlite_master WHERE name = 'activity'").find("AUTOINCREMENT"),
            std::string::npos);
  EXPECT_EQ(a.row("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(a.row("PRAGMA auto_vacuum"), "2") << "incremental";
}

TEST(Schema, AFileOfTheOriginalIsAdoptedWithItsRows) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Connection(path).execute(std::string(kOriginalFile) + kOriginalRows);
  Storage storage(path, {});
  const auto highest = storage.open();
  ASSERT_TRUE(highest) << highest.error().message;
  EXPECT_EQ(*highest, 3);
  const auto page = all(storage);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->rows.size(), 3u);
  EXPECT_EQ(page->total, 3);
  const Activity& row = page->rows[2];
  EXPECT_EQ(row.id, 1);
  EXPECT_EQ(row.model, "m1");
  EXPECT_EQ(row.tokens.cached, 5);
  EXPECT_EQ(row.tokens.prompt_per_second, 100.5);
  EXPECT_EQ(row.metadata_json, R"({"fifo_priority":"0"})");
  EXPECT_EQ(row.key, "");
  EXPECT_FALSE(row.phases.queue);

  const auto sums = ask<Stats>(storage, [](Database& database) { return stats(database, {}); });
  ASSERT_TRUE(sums) << sums.error().message;
  EXPECT_EQ(sums->requests, 3);
  EXPECT_EQ(sums->input_tokens, 18);
  EXPECT_EQ(sums->output_tokens, 22);
  EXPECT_EQ(sums->cached_tokens, 5);
  ASSERT_TRUE(sums->prompt && sums->generation);
  EXPECT_EQ(sums->prompt->bins, std::vector<std::int64_t>{1});
  EXPECT_EQ(sums->generation->min, 33.25);
  EXPECT_EQ(sums->generation->p50, 36.625);
  EXPECT_EQ(Connection(path).row("SELECT count(*) FROM goose_db_version"), "2") << "left alone";
}

// Whatever a model server once said: it must not cost the database.
TEST(Schema, SumsThatAreTooLargeHinderNothing) {
  Directory directory;
  const std::string path = directory.file("a.db");
  const std::string huge =
      "INSERT INTO activity (ts_created, model_id, input_tokens, duration_ms) VALUES "
      "(1700000000, 'm1', 9223372036854775807, 9223372036854775807), "
      "(1700000000, 'm2', 9223372036854775807, 9223372036854775807), "
      "(1700000000, 'm2', 9223372036854775807, 9223372036854775807);";
  Connection(path).execute(std::string(kOriginalFile) + huge);
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  std::vector<Activity> rows = {activity("m1")};
  const auto done = storage.write(rows);
  ASSERT_TRUE(done) << done.error().message;
  Connection(path).execute(huge);
  const auto sums = ask<Stats>(storage, [](Database& database) { return stats(database, {}); });
  ASSERT_TRUE(sums) << sums.error().message;
  EXPECT_EQ(sums->requests, 7);
  EXPECT_EQ(sums->input_tokens, std::numeric_limits<std::int64_t>::max());
  const auto used = ask<std::vector<Usage>>(
      storage, [](Database& database) { return usage(database, UsageQuery{}); });
  ASSERT_TRUE(used) << used.error().message;
  storage.set_retention({.max_rows = 1});
  EXPECT_TRUE(storage.trim(std::chrono::sys_seconds{}));
  EXPECT_EQ(Connection(path).row("SELECT count(*) FROM activity"), "1");
}

TEST(Schema, TheOriginalGoesOnWithAFileThatWeHadAndWeCountItsRows) {
  Directory directory;
  const std::string path = directory.file("a.db");
  {
    Storage storage(path, {});
    ASSERT_TRUE(storage.open());
    std::vector<Activity> rows = {activity("m1")};
    rows[0].id = 1;
    rows[0].tokens.input = 4;
    ASSERT_TRUE(storage.write(rows));
  }
  {
    Connection original(path);
    original.execute(kOriginalRows);
    EXPECT_EQ(original.row("SELECT last_insert_rowid()"), "4");
    original.execute("UPDATE activity SET model_id = 'm9', tokens_per_second = 7 WHERE id = 4");
    original.execute("DELETE FROM activity WHERE id = 3");
  }
  Storage storage(path, {});
  const auto highest = storage.open();
  ASSERT_TRUE(highest);
  EXPECT_EQ(*highest, 4);
  Connection check(path);
  EXPECT_EQ(check.row("SELECT sum(requests), sum(input_tokens) FROM ls_day", 2), "3|15");
  EXPECT_EQ(check.row("SELECT requests FROM ls_day WHERE model_id = 'm9'"), "1");
  EXPECT_EQ(check.row("SELECT count(*) FROM ls_day WHERE model_id = 'm2' OR failed"), "0");
  EXPECT_EQ(check.row("SELECT group_concat(model_id || bucket) FROM ls_speed WHERE kind = 1"),
            "m9448,m12560");
}

// By hand, and not the text of schema.cc; but for the triggers and indexes, which have not changed.
constexpr const char* kTablesOf2 = R"(
  CREATE TABLE ls_version (version INTEGER NOT NULL);
  INSERT INTO ls_version VALUES (1), (2);
  CREATE TABLE ls_request (activity_id INTEGER PRIMARY KEY, started_ms INTEGER, queue_ms INTEGER,
    load_ms INTEGER, first_byte_ms INTEGER, prefill_ms INTEGER, decode_ms INTEGER,
    key TEXT NOT NULL DEFAULT '', client TEXT NOT NULL DEFAULT '', session TEXT NOT NULL DEFAULT '',
    swap_caused INTEGER NOT NULL DEFAULT 0, bytes_in INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0, ending INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER);
  CREATE TABLE ls_day (day INTEGER NOT NULL, model_id TEXT NOT NULL, req_path TEXT NOT NULL,
    status_class INTEGER NOT NULL, failed INTEGER NOT NULL, key TEXT NOT NULL,
    requests INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cache_tokens INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL, duration_ms INTEGER NOT NULL, min_id INTEGER NOT NULL,
    max_id INTEGER NOT NULL,
    PRIMARY KEY (day, model_id, req_path, status_class, failed, key)) WITHOUT ROWID;
  CREATE TABLE ls_speed (kind INTEGER NOT NULL, bucket INTEGER NOT NULL, model_id TEXT NOT NULL,
    requests INTEGER NOT NULL, PRIMARY KEY (kind, bucket, model_id)) WITHOUT ROWID;
)";

constexpr const char* kOurIndexes =
    "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master "
    "WHERE type = 'index' AND name LIKE 'ls_%' ORDER BY name)";

// With the original's rows; the first of them has a key. The text of today's indexes.
std::string make_file_of_2(const Directory& directory, const std::string& path) {
  const std::string fresh = directory.file("fresh.db");
  {
    Storage storage(fresh, {});
    EXPECT_TRUE(storage.open());
    std::vector<Activity> none;
    EXPECT_TRUE(storage.write(none));
  }
  Connection today(fresh), old(path);
  old.execute(std::string(kOriginalFile) + kTablesOf2);
  for (const std::string& sql : today.column(
           "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND name LIKE 'ls_%'"))
    old.execute(sql);
  old.execute("INSERT INTO ls_request (activity_id, key, client) VALUES (1, 'alice', '::1')");
  old.execute(kOriginalRows);
  return today.row(kOurIndexes);
}

TEST(Schema, AFileOfVersion1GetsTheIndexesOfToday) {
  Directory directory;
  const std::string path = directory.file("a.db");
  const std::string today = make_file_of_2(directory, path);
  {
    Connection old(path);
    for (const auto& [name, columns] :
         {std::pair("ls_request_key", "ls_request (key)"),
          std::pair("ls_request_client", "ls_request (client)"),
          std::pair("ls_request_session", "ls_request (session)"),
          std::pair("ls_activity_status", "activity (resp_status_code / 100)"),
          std::pair("ls_activity_prompt", "activity (model_id, prompt_per_second)"),
          std::pair("ls_activity_generation", "activity (model_id, tokens_per_second)")})
      old.execute(fmt::format("DROP INDEX {0}; CREATE INDEX {0} ON {1}", name, columns));
    old.execute("DELETE FROM ls_version WHERE version = 2");
    EXPECT_NE(old.row(kOurIndexes), today);
  }
  EXPECT_EQ(uncounted(path), 3);
  Storage storage(path, {});
  ASSERT_EQ(storage.open(), 3);
  const auto page = ask<Page>(storage, [](Database& database) {
    Query query;
    query.filter.key = "alice";
    return list(database, query);
  });
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->total, 1);
  EXPECT_EQ(page->rows[0].request_id, "");
  EXPECT_EQ(Connection(path).row(kOurIndexes), today);
  EXPECT_EQ(Connection(path).row("SELECT sum(requests) FROM ls_day"), "3");
}

TEST(Schema, AFileOfVersion2GetsTheIdsOfRequests) {
  Directory directory;
  const std::string path = directory.file("a.db");
  make_file_of_2(directory, path);
  const std::string table = "SELECT sql FROM sqlite_master WHERE name = 'activity'";
  const std::string before = Connection(path).row(table);
  Storage storage(path, {});
  ASSERT_EQ(storage.open(), 3);
  EXPECT_EQ(uncounted(path), 0) << "takes no time";
  std::vector<Activity> rows = {activity("m1")};
  rows[0].id = 4;
  rows[0].request_id = "mine";
  const auto done = storage.write(rows);
  ASSERT_TRUE(done) << done.error().message;
  Connection(path).execute("INSERT INTO activity (ts_created, model_id) VALUES (1700090001, 'm3')");
  const auto page = all(storage);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->rows.size(), 5u);
  EXPECT_EQ(page->rows[0].request_id, "") << "written by the original";
  EXPECT_EQ(page->rows[1].request_id, "mine");
  EXPECT_EQ(page->rows[4].request_id, "");
  EXPECT_EQ(page->rows[4].key, "alice");
  Connection check(path);
  EXPECT_EQ(check.row("SELECT sum(requests) FROM ls_day"), "5");
  EXPECT_EQ(check.row("SELECT max(version) FROM ls_version"), "3");
  EXPECT_EQ(check.row(table), before) << "not ours to change";
}

TEST(Schema, IdsAreNeverUsedAgain) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Connection(path).execute(std::string(kOriginalFile) + kOriginalRows +
                           "DELETE FROM activity WHERE id > 1");
  Storage storage(path, {});
  EXPECT_EQ(storage.open(), 3);
}

TEST(Schema, AHalfMadeFileIsCompleted) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Connection(path).execute(
      "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER "
      "NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));"
      "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)");
  Storage storage(path, {});
  EXPECT_EQ(storage.open(), 0);
  EXPECT_EQ(Connection(path).row(
                "SELECT group_concat(version_id || ' ' || is_applied, ', ') FROM goose_db_version"),
            "0 1, 1 1");
}

TEST(Schema, AFileOfANewerVersionIsRefused) {
  Directory directory;
  const std::string path = directory.file("a.db");
  {
    Storage storage(path, {});
    ASSERT_TRUE(storage.open());
    std::vector<Activity> none;
    ASSERT_TRUE(storage.write(none));
  }
  Connection(path).execute(fmt::format("INSERT INTO ls_version VALUES ({})", kSchemaVersion + 1));
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  const auto page = all(storage);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, util::Errc::invalid);
  EXPECT_NE(page.error().message.find("newer version"), std::string::npos);
}

TEST(Schema, WhatIsNoDatabaseIsRefusedAndLeftAlone) {
  Directory directory;
  const std::string path = directory.file("a.db");
  const std::string text(4096, 'x');
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(text.c_str(), file);
  std::fclose(file);
  Storage storage(path, {});
  const auto opened = storage.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "file is not a database");
  EXPECT_EQ(std::filesystem::file_size(path), text.size());
}

TEST(Schema, BucketsOfSpeedsAgreeWithSql) {
  Connection sql("");
  std::int64_t last = -1;
  for (const double v : {1e-9, 0.0155, 1.0 / 64, 1.0, 63.99, 64.0, 64.2, 64.25, 100.0, 1023.9,
                         1024.0, 16383.9, 16384.0, 262143.9, 262144.0, 4194303.9, 4194304.0, 1e12,
                         std::numeric_limits<double>::max()}) {
    const std::int64_t bucket = std::stoll(
        sql.row(fmt::format("SELECT {} FROM (SELECT {:.17g} AS v)", bucket_sql("v"), v)));
    EXPECT_GE(v, bucket_floor(bucket)) << v;
    EXPECT_LT(v, bucket_ceiling(bucket)) << v;
    EXPECT_EQ(bucket, bucket_of(v)) << v;
    EXPECT_GE(bucket, last) << v;
    EXPECT_LT(bucket, kBucketsPerStep * kBucketSteps);
    last = bucket;
  }
}

}  // namespace
}  // namespace llama_swap::store
