// The sums as our connection keeps them and as the triggers do: the same, whoever writes or
// deletes.
#include "store/sums.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "store/schema.h"
#include "store/storage.h"
#include "store/test_support.h"

namespace llama_swap::store {
namespace {

std::minstd_rand generator{7};

int below(int n) {
  return static_cast<int>(generator() % static_cast<unsigned>(n));
}

Activity random_row(std::int64_t id) {
  Activity row = activity("m" + std::to_string(below(3)));
  row.id = id;
  row.ended += std::chrono::seconds(below(5) * 86400 / 2);
  row.path = below(2) == 0 ? "/v1/embeddings" : "/v1/completions";
  if (below(4) == 0) {
    row.status = 400 + 100 * below(2);
    row.error = "no";
  }
  row.key = below(2) == 0 ? "" : "alice";
  row.tokens = {below(10) - 1,          0, 0, below(100), below(100), below(3) - 1.0,
                below(20'000'000) / 7.0};
  if (below(2) == 0) row.prompt_tokens = below(100);
  row.bytes_in = below(1000);
  row.bytes_out = below(1000);
  row.duration = util::milliseconds(below(1000));
  return row;
}

// But for min_id and max_id, which may be wider than needed.
std::vector<std::string> sums(Connection& database) {
  std::vector<std::string> out = database.column(
      "SELECT concat FROM (SELECT day || '|' || model_id || '|' || req_path || '|' || "
      "status_class || '|' || failed || '|' || key || '|' || requests || '|' || input_tokens || "
      "'|' || output_tokens || '|' || cache_tokens || '|' || prompt_tokens || '|' || bytes_in || "
      "'|' || bytes_out || '|' || duration_ms AS concat FROM ls_day) ORDER BY 1");
  for (std::string& line : database.column(
           "SELECT kind || '|' || bucket || '|' || model_id || '|' || requests FROM ls_speed "
           "ORDER BY kind, bucket, model_id"))
    out.push_back(std::move(line));
  return out;
}

// What triggers make of the rows of `path`.
std::vector<std::string> sums_by_triggers(const Directory& directory, const std::string& path) {
  const std::string fresh = directory.file("fresh.db");
  std::filesystem::remove(fresh);
  {
    Storage storage(fresh, {});
    EXPECT_TRUE(storage.open());
    std::vector<Activity> none;
    EXPECT_TRUE(storage.write(none));
  }
  Connection copy(fresh);
  copy.execute(fmt::format("ATTACH '{}' AS other", path));
  copy.execute("INSERT INTO main.ls_request SELECT * FROM other.ls_request");
  copy.execute("INSERT INTO main.activity SELECT * FROM other.activity");
  return sums(copy);
}

TEST(Sums, AreThoseOfTheTriggers) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  std::int64_t id = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<Activity> rows;
    for (int i = 0; i < 200; ++i) rows.push_back(random_row(++id));
    const auto done = storage.write(rows);
    ASSERT_TRUE(done) << done.error().message;
    Connection ours(path);
    EXPECT_EQ(sums(ours), sums_by_triggers(directory, path)) << "written";
    storage.set_retention({.max_rows = 150});
    EXPECT_TRUE(storage.trim(std::chrono::sys_seconds{}));
    EXPECT_EQ(ours.row("SELECT count(*) FROM activity"), "150");
    EXPECT_EQ(ours.row("SELECT count(*) FROM ls_request"), "150");
    EXPECT_EQ(sums(ours), sums_by_triggers(directory, path)) << "trimmed";
    EXPECT_EQ(ours.row("SELECT count(*) FROM ls_day WHERE requests <= 0"), "0");
    storage.set_retention({});
    ours.execute(fmt::format("DELETE FROM activity WHERE id % 10 = {}", round));
    EXPECT_EQ(sums(ours), sums_by_triggers(directory, path)) << "deleted by somebody else";
  }
}

// Rows that only the triggers count in, and only we count out.
TEST(Sums, RowsOfOthersLeaveNothingBehind) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  std::vector<Activity> none;
  ASSERT_TRUE(storage.write(none));
  Connection other(path);
  for (const std::string values : {"'', 9e999, 9e999", "char(0) || 'x', 0, -9e999", "'x', 1, 5e15"})
    other.execute(
        "INSERT INTO activity (ts_created, model_id, error_msg, prompt_per_second, "
        "tokens_per_second) VALUES (86400, 'm', " +
        values + ")");
  EXPECT_EQ(other.row("SELECT sum(requests) FROM ls_day"), "3");
  storage.set_retention({.max_age = std::chrono::seconds(1)});
  EXPECT_TRUE(storage.trim(std::chrono::sys_seconds(std::chrono::days(10))));
  EXPECT_EQ(other.row("SELECT count(*) FROM activity"), "0");
  EXPECT_EQ(sums(other), std::vector<std::string>());
}

TEST(Sums, WhatBeginsWithANulIsAnErrorToo) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  std::vector<Activity> rows(1, activity("m1", 502, std::string("\0bad", 4)));
  rows[0].id = 1;
  ASSERT_TRUE(storage.write(rows));
  storage.set_retention({.max_age = std::chrono::seconds(1)});
  EXPECT_TRUE(storage.trim(std::chrono::sys_seconds(std::chrono::days(40000))));
  Connection check(path);
  EXPECT_EQ(check.row("SELECT count(*) FROM activity"), "0");
  EXPECT_EQ(sums(check), std::vector<std::string>());
}

TEST(Sums, WhatIsNoSpeedIsNotCounted) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  std::vector<Activity> rows(1, activity("m1"));
  rows[0].id = 1;
  rows[0].tokens.prompt_per_second = std::numeric_limits<double>::quiet_NaN();
  rows[0].tokens.output_per_second = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(storage.write(rows));
  EXPECT_EQ(Connection(path).row("SELECT count(*) FROM ls_speed"), "0");
  EXPECT_EQ(Connection(path).row("SELECT prompt_per_second + tokens_per_second FROM activity"),
            "0.0");
}

}  // namespace
}  // namespace llama_swap::store
