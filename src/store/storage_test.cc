// Writing and keeping small, on the worker's side.
#include "store/storage.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "store/read.h"
#include "store/test_support.h"

namespace llama_swap::store {
namespace {

std::vector<Activity> batch(std::int64_t first_id, int count) {
  std::vector<Activity> rows(static_cast<std::size_t>(count), activity("m1"));
  for (Activity& row : rows) row.id = first_id++;
  return rows;
}

std::string ids(Storage& storage) {
  const std::function<util::Result<std::string>(Database&)> question = [](Database& database) {
    auto statement = database.prepare(
        "SELECT coalesce(min(id) || '-' || max(id), '') || ' ' || count(*) FROM activity");
    EXPECT_TRUE(statement && statement->step());
    return util::Result<std::string>(statement->text(0));
  };
  return storage.read<std::string>(util::Time::max(), question).value();
}

TEST(Storage, InMemoryTheLastIdsAreKept) {
  Storage storage("", {.max_rows = 10});
  ASSERT_TRUE(storage.open());
  auto rows = batch(1, 7);
  ASSERT_TRUE(storage.write(rows));
  EXPECT_EQ(ids(storage), "1-7 7");
  rows = batch(8, 25);
  ASSERT_TRUE(storage.write(rows));
  EXPECT_EQ(ids(storage), "23-32 10");
}

TEST(Storage, IdsThatSomebodyElseHasUsedMoveUp) {
  Directory directory;
  Storage storage(directory.file("a.db"), {});
  ASSERT_EQ(storage.open(), 0);
  auto rows = batch(1, 2);
  ASSERT_TRUE(storage.write(rows));
  Connection(directory.file("a.db"))
      .execute("INSERT INTO activity (ts_created, model_id) VALUES (1, 'x'), (2, 'y')");
  rows = batch(3, 2);
  ASSERT_TRUE(storage.write(rows));
  EXPECT_EQ(rows[0].id, 5);
  EXPECT_EQ(rows[1].id, 6);
  EXPECT_EQ(ids(storage), "1-6 6");
}

TEST(Storage, TrimsByRowsStepByStep) {
  Directory directory;
  Storage storage(directory.file("a.db"), {.max_rows = 100});
  ASSERT_TRUE(storage.open());
  auto rows = batch(1, 1500);
  ASSERT_TRUE(storage.write(rows));
  const std::chrono::sys_seconds now{};
  EXPECT_EQ(storage.trim(now), true);
  EXPECT_EQ(ids(storage), "501-1500 1000");
  EXPECT_EQ(storage.trim(now), true);
  EXPECT_EQ(storage.trim(now), false);
  EXPECT_EQ(ids(storage), "1401-1500 100");
  EXPECT_EQ(storage.trim(now), false);
  EXPECT_EQ(Connection(directory.file("a.db")).row("SELECT count(*) FROM ls_request"), "100");
}

TEST(Storage, TrimsByAge) {
  Storage storage("", {.max_age = std::chrono::seconds(60)});
  ASSERT_TRUE(storage.open());
  auto rows = batch(1, 10);
  const std::chrono::sys_seconds start = rows[0].ended;
  for (Activity& row : rows) row.ended = start + std::chrono::seconds(10 * (row.id - 1));
  ASSERT_TRUE(storage.write(rows));
  EXPECT_EQ(storage.trim(start + std::chrono::seconds(60)), false);
  EXPECT_EQ(ids(storage), "1-10 10") << "exactly as old as allowed";
  EXPECT_EQ(storage.trim(start + std::chrono::seconds(85)), false);
  EXPECT_EQ(ids(storage), "4-10 7");
}

TEST(Storage, TrimsBySizeAndGivesTheSpaceBack) {
  Directory directory;
  const std::string path = directory.file("a.db");
  Storage storage(path, {});
  ASSERT_TRUE(storage.open());
  auto rows = batch(1, 5000);
  for (Activity& row : rows) row.error = std::string(1000, 'e');
  ASSERT_TRUE(storage.write(rows));
  Connection(path).row("PRAGMA wal_checkpoint(TRUNCATE)");
  const auto full = std::filesystem::file_size(path);
  ASSERT_GT(full, 5'000'000u);
  storage.set_retention({.max_bytes = 1'000'000});
  int steps = 0;
  for (bool more = true; more; ++steps) {
    const auto result = storage.trim(std::chrono::sys_seconds{});
    ASSERT_TRUE(result) << result.error().message;
    more = *result;
    ASSERT_LT(steps, 100);
  }
  EXPECT_GT(steps, 3);
  Connection(path).row("PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_LT(std::filesystem::file_size(path), 3'000'000u);
  const std::string left = ids(storage);
  EXPECT_EQ(left.substr(left.find('-'), 6), "-5000 ") << "the newest stay: " << left;
}

TEST(Storage, AQuestionThatTakesTooLongEnds) {
  Storage storage("", {});
  ASSERT_TRUE(storage.open());
  const std::function<util::Result<std::int64_t>(Database&)> endless = [](Database& database) {
    return database.integer(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
  };
  const auto answer = storage.read<std::int64_t>(util::Clock::now(), endless);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, util::Errc::timed_out);
  EXPECT_EQ(ids(storage), " 0") << "the next one is answered";
  storage.stop();
  const auto stopped = storage.read<std::int64_t>(util::Time::max(), endless);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, util::Errc::cancelled);
}

TEST(Storage, TwentyThousandRowsInAFile) {
  Directory directory;
  Storage storage(directory.file("a.db"), {});
  ASSERT_TRUE(storage.open());
  const auto begin = util::Clock::now();
  for (int i = 0; i < 40; ++i) {
    auto rows = batch(1 + i * 500, 500);
    for (Activity& row : rows)
      row.tokens.output_per_second = 10 + static_cast<double>(row.id % 9973) / 100;
    ASSERT_TRUE(storage.write(rows));
  }
  const auto ms = [](auto duration) {
    return static_cast<double>(
               std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) /
           1000;
  };
  const auto written = util::Clock::now();
  const std::function<util::Result<Page>(Database&)> question = [](Database& database) {
    Query query;
    query.filter.models = {"m1"};
    return list(database, query);
  };
  EXPECT_EQ(storage.read<Page>(util::Time::max(), question)->total, 20'000);
  const auto asked = util::Clock::now();
  const std::function<util::Result<Stats>(Database&)> sums = [](Database& database) {
    return stats(database, {});
  };
  EXPECT_EQ(storage.read<Stats>(util::Time::max(), sums)->requests, 20'000);
  std::printf("20,000 rows: written in %.0f ms; listed in %.2f ms, statistics in %.2f ms\n",
              ms(written - begin), ms(asked - written), ms(util::Clock::now() - asked));
}

}  // namespace
}  // namespace llama_swap::store
