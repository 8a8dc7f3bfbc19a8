// The store on a loop, with disks and files that misbehave.
#include "store/activity_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>

#include "net/wakeup.h"
#include "store/test_support.h"

namespace llama_swap::store {
namespace {

using config::LogLevel;

class StoreTest : public ::testing::Test {
 protected:
  // Runs `work`, a coroutine, to its end. It must close the stores that it opens.
  template <class Work>
  void run(Work work) {
    bool ended = false;
    const auto all = [&]() -> net::Awaitable<void> {
      co_await work();
      ended = true;
    };
    net::spawn(loop, all());
    loop.run_for(std::chrono::seconds(60));
    EXPECT_TRUE(ended) << "stuck";
    loop.restart();
  }

  StoreOptions options(std::string path = "") {
    StoreOptions out;
    out.path = std::move(path);
    out.log = [this](LogLevel, std::string_view text) {
      logged.emplace_back(text);
      news.notify();
    };
    out.stored = [this](std::span<const Activity> rows) {
      for (const Activity& row : rows) stored.push_back(row.id);
      news.notify();
    };
    return out;
  }

  // Until `part` stands in the log.
  net::Awaitable<void> logs(std::string part) {
    while (!has_logged(part)) co_await news.wait();
  }
  net::Awaitable<void> stores(std::size_t count) {
    while (stored.size() < count) co_await news.wait();
  }
  bool has_logged(const std::string& part) const {
    return std::ranges::any_of(
        logged, [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }

  static constexpr util::milliseconds kLong{60'000};

  net::Loop loop;
  net::Wakeup news{loop};
  std::vector<std::string> logged;
  std::vector<std::int64_t> stored;
};

net::Awaitable<std::string> ids(ActivityStore& store, std::int64_t limit = 999) {
  Query query;
  query.limit = limit;
  auto page = co_await store.list(std::move(query));
  if (!page) co_return page.error().message;
  std::string out = fmt::format("{}:", page->total);
  for (const Activity& row : page->rows) out += fmt::format(" {}", row.id);
  co_return out;
}

TEST_F(StoreTest, WhatIsRecordedIsFoundAtOnce) {
  ActivityStore store(loop, options());
  run([&]() -> net::Awaitable<void> {
    const auto started = co_await store.start();
    EXPECT_TRUE(started);
    EXPECT_EQ(store.record(activity("a")), 1);
    EXPECT_EQ(store.record(activity("b")), 2);
    const std::string two = co_await ids(store);
    EXPECT_EQ(two, "2: 2 1");
    EXPECT_EQ(store.record(activity("b")), 3);
    std::vector<std::string> of_b{"b"};
    const auto sums = co_await store.stats(std::move(of_b));
    EXPECT_TRUE(sums);
    EXPECT_EQ(sums->requests, 2);
    UsageQuery by_model;
    by_model.by_model = true;
    const auto usage = co_await store.usage(by_model);
    EXPECT_TRUE(usage && usage->size() == 2);
    EXPECT_EQ(stored, (std::vector<std::int64_t>{1, 2, 3}));
    const StoreHealth health = store.health();
    EXPECT_TRUE(health.writing);
    EXPECT_EQ(health.stored, 3u);
    EXPECT_EQ(health.waiting, 0u);
    co_await store.close(kLong);
    EXPECT_TRUE(logged.empty());
  });
}

TEST_F(StoreTest, RowsAreWrittenWithoutBeingAskedFor) {
  ActivityStore store(loop, options());
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    store.record(activity("a"));
    EXPECT_TRUE(stored.empty());
    co_await stores(1);
    EXPECT_EQ(stored, std::vector<std::int64_t>{1});
    for (int i = 0; i < 1200; ++i) store.record(activity("a"));
    co_await stores(1201);
    EXPECT_EQ(stored.back(), 1201);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, RowsThatCameBeforeTheDatabaseWasOpen) {
  ActivityStore store(loop, options());
  run([&]() -> net::Awaitable<void> {
    EXPECT_EQ(store.record(activity("a")), 0);
    (void)co_await store.start();
    EXPECT_EQ(store.record(activity("a")), 2);
    const std::string two = co_await ids(store);
    EXPECT_EQ(two, "2: 2 1");
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, ClosingWritesWhatWaitsAndIdsGoOn) {
  Directory directory;
  const std::string path = directory.file("a.db");
  for (int round = 0; round < 2; ++round) {
    ActivityStore store(loop, options(path));
    run([&]() -> net::Awaitable<void> {
      (void)co_await store.start();
      for (int i = 0; i < 3; ++i) EXPECT_EQ(store.record(activity("a")), 3 * round + i + 1);
      co_await store.close(kLong);
    });
  }
  EXPECT_EQ(Connection(path).row("SELECT count(*) FROM activity"), "6");
  EXPECT_FALSE(std::filesystem::exists(path + "-wal")) << "closed properly";
  Connection(path).execute("DELETE FROM activity");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    EXPECT_EQ(store.record(activity("a")), 7);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, InMemoryOnlyTheLastAreKept) {
  StoreOptions few = options();
  few.retention.max_rows = 3;
  ActivityStore store(loop, few);
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    for (int i = 0; i < 5; ++i) store.record(activity("a"));
    const std::string last = co_await ids(store);
    EXPECT_EQ(last, "3: 5 4 3");
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, InMemoryRowsThatWouldGoAtOnceAreNotWritten) {
  StoreOptions few = options();
  few.retention.max_rows = 100;
  ActivityStore store(loop, few);
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    for (int i = 1; i <= 20'000; ++i) {
      Activity row = activity(i > 19'950 ? "late" : "early");
      row.tokens.input = 1;
      EXPECT_EQ(store.record(std::move(row)), i) << "each has its id";
    }
    EXPECT_EQ(store.health().waiting, 100u);
    const std::string last = co_await ids(store, 1);
    EXPECT_EQ(last, "100: 20000");
    const std::vector<std::string> early{"early"};
    const auto sums = co_await store.stats(early);
    EXPECT_EQ(sums->requests, 50) << "sums are those of the rows that are there";
    EXPECT_EQ(stored.size(), 100u);
    EXPECT_EQ(store.health().stored, 20'000u);
    EXPECT_EQ(store.health().dropped, 0u);
    for (int i = 0; i < 30; ++i) store.record(activity("late"));
    const std::string more = co_await ids(store, 1);
    EXPECT_EQ(more, "100: 20030");
    const auto rest = co_await store.stats(early);
    EXPECT_EQ(rest->requests, 20);
    EXPECT_EQ(rest->input_tokens, 20);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, BoundsMayChangeMeanwhile) {
  Directory directory;
  ActivityStore store(loop, options(directory.file("a.db")));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    for (int i = 0; i < 1800; ++i) store.record(activity("a"));
    const std::string all = co_await ids(store, 1);
    EXPECT_EQ(all, "1800: 1800");
    store.set_retention({.max_rows = 200});
    std::string left;
    while (left != "200: 1800") left = co_await ids(store, 1);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, ALockedFileDelaysNobodyAndIsSaidOnce) {
  Directory directory;
  const std::string path = directory.file("a.db");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    store.record(activity("old"));
    (void)co_await ids(store);
    Connection other(path);
    other.execute("BEGIN IMMEDIATE");
    EXPECT_EQ(store.record(activity("new")), 2);
    co_await logs("cannot write: database is locked");
    EXPECT_FALSE(store.health().writing);
    EXPECT_EQ(store.health().fault, "database is locked");
    EXPECT_EQ(store.health().waiting, 1u);
    const std::string readable = co_await ids(store);
    EXPECT_EQ(readable, "1: 1") << "what is there can be read";
    other.execute("COMMIT");
    co_await stores(2);
    const std::string both = co_await ids(store);
    EXPECT_EQ(both, "2: 2 1");
    EXPECT_TRUE(store.health().writing);
    EXPECT_EQ(logged.size(), 2u) << "that it began and that it is over";
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, AFullBufferDropsTheNewestAndCounts) {
  Directory directory;
  const std::string path = directory.file("a.db");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    (void)co_await ids(store);
    Connection other(path);
    other.execute("BEGIN IMMEDIATE");
    for (std::size_t i = 1; i <= ActivityStore::kMaxWaitingRows; ++i)
      EXPECT_EQ(store.record(activity("a")), static_cast<std::int64_t>(i));
    for (int i = 0; i < 7; ++i) EXPECT_EQ(store.record(activity("a")), 0);
    EXPECT_EQ(store.health().dropped, 7u);
    EXPECT_EQ(store.health().waiting, ActivityStore::kMaxWaitingRows);
    EXPECT_TRUE(has_logged("new ones are dropped"));
    co_await logs("cannot write");
    other.execute("COMMIT");
    co_await stores(ActivityStore::kMaxWaitingRows);
    EXPECT_TRUE(has_logged("7 were dropped"));
    EXPECT_EQ(store.record(activity("a")),
              static_cast<std::int64_t>(ActivityStore::kMaxWaitingRows) + 1);
    EXPECT_EQ(store.health().dropped, 7u);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, TheBufferIsBoundedInBytes) {
  ActivityStore store(loop, options());
  run([&]() -> net::Awaitable<void> {
    Activity large = activity("a", 500, std::string(std::size_t{1} << 20, 'e'));
    int taken = 0;
    for (int i = 0; i < 20; ++i) {
      store.record(large);
      taken += store.health().dropped == 0;
    }
    EXPECT_EQ(taken, 15);
    (void)co_await store.start();
    const std::string all = co_await ids(store, 1);
    EXPECT_EQ(all, "15: 15");
    EXPECT_EQ(store.record(large), 16) << "there is room again";
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, WhatCannotBeOpenedIsTriedAgain) {
  Directory directory;
  const std::string path = directory.file("later/a.db");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    const auto started = co_await store.start();
    EXPECT_FALSE(started);
    EXPECT_TRUE(has_logged("cannot open: unable to open database file: No such file or directory"));
    EXPECT_EQ(store.record(activity("a")), 0);
    const std::string refused = co_await ids(store);
    EXPECT_NE(refused.find("is not open: unable to open"), std::string::npos) << refused;
    std::filesystem::create_directory(directory.file("later"));
    co_await stores(1);
    EXPECT_EQ(stored, std::vector<std::int64_t>{1});
    EXPECT_EQ(store.record(activity("a")), 2);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, ClosingGivesUpAtItsDeadline) {
  Directory directory;
  const std::string path = directory.file("a.db");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    (void)co_await ids(store);
    Connection other(path);
    other.execute("BEGIN IMMEDIATE");
    store.record(activity("a"));
    store.record(activity("a"));
    co_await store.close(util::milliseconds(50));
    EXPECT_TRUE(has_logged("2 rows could not be written and are lost"));
  });
}

TEST_F(StoreTest, AnotherProgramThatWritesMeanwhile) {
  Directory directory;
  const std::string path = directory.file("a.db");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    store.record(activity("a"));
    (void)co_await ids(store);
    Connection(path).execute(
        "INSERT INTO activity (ts_created, model_id) VALUES (1, 'x'), (2, 'y')");
    EXPECT_EQ(store.record(activity("a")), 2) << "as far as we know";
    const std::string all = co_await ids(store);
    EXPECT_EQ(all, "4: 4 3 2 1");
    EXPECT_EQ(stored, (std::vector<std::int64_t>{1, 4}));
    EXPECT_EQ(store.record(activity("a")), 5);
    co_await store.close(kLong);
  });
}

TEST_F(StoreTest, AnExportComesInPieces) {
  ActivityStore store(loop, options());
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    for (int i = 0; i < 2 * Export::kRowsPerPiece + 3; ++i)
      store.record(activity(i % 100 == 0 ? "rare" : "a"));
    for (const bool descending : {false, true}) {
      Filter filter;
      filter.models = {"a"};
      Export rows(store, std::move(filter), Format::csv, descending);
      std::string all;
      int pieces = 0;
      for (;; ++pieces) {
        const auto piece = co_await rows.next();
        EXPECT_TRUE(piece);
        if (piece->empty()) break;
        all += *piece;
      }
      EXPECT_EQ(pieces, 2);
      EXPECT_EQ(std::ranges::count(all, '\n'), 1 + 1982);
      EXPECT_EQ(all.substr(0, 3), "id,");
      const auto second_line = all.find('\n') + 1;
      EXPECT_EQ(all.substr(second_line, descending ? 5 : 2), descending ? "2003," : "2,");
    }
    Filter nobody;
    nobody.models = {"nobody"};
    Export none(store, std::move(nobody), Format::json_lines, false);
    const auto nothing = co_await none.next();
    EXPECT_EQ(nothing, "");
    co_await store.close(kLong);
  });
}

// Files of this process cannot grow beyond `bytes` while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit before_{};
  void (*old_handler_)(int);
};

TEST_F(StoreTest, AFullDiskKeepsRowsWaitingAndLosesNone) {
  Directory directory;
  const std::string path = directory.file("a.db");
  ActivityStore store(loop, options(path));
  run([&]() -> net::Awaitable<void> {
    (void)co_await store.start();
    store.record(activity("a"));
    (void)co_await ids(store);
    {
      FileSizeLimit full(std::filesystem::file_size(path + "-wal"));
      for (int i = 0; i < 1000; ++i) store.record(activity("a", 500, std::string(2000, 'e')));
      co_await logs("cannot write");
      EXPECT_EQ(store.health().waiting, 1000u);
      const std::string readable = co_await ids(store, 1);
      EXPECT_EQ(readable, "1: 1");
    }
    co_await stores(1001);
    const std::string all = co_await ids(store, 1);
    EXPECT_EQ(all, "1001: 1001");
    co_await store.close(kLong);
  });
  EXPECT_EQ(Connection(path).row("PRAGMA integrity_check"), "ok");
}

// Root may write everywhere, so it becomes nobody for a while.
class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) { EXPECT_EQ(was_root_ ? ::seteuid(65534) : 0, 0); }
  ~AsNobody() { EXPECT_EQ(was_root_ ? ::seteuid(0) : 0, 0); }

 private:
  const bool was_root_;
};

TEST_F(StoreTest, AReadOnlyFileAndAReadOnlyDirectory) {
  for (const bool file_exists : {true, false}) {
    Directory directory;
    const std::string path = directory.file("a.db");
    if (file_exists) {
      Connection(path).execute("CREATE TABLE t (i)");
      std::filesystem::permissions(path, std::filesystem::perms(0444));
    }
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
    {
      AsNobody user;
      ActivityStore store(loop, options(path));
      run([&]() -> net::Awaitable<void> {
        const auto started = co_await store.start();
        EXPECT_FALSE(started);
        EXPECT_TRUE(has_logged("cannot open")) << logged.size();
        EXPECT_EQ(store.record(activity("a")), 0);
        EXPECT_EQ(store.health().waiting, 1u);
        co_await store.close(kLong);
        EXPECT_TRUE(has_logged("1 rows could not be written"));
      });
    }
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
    logged.clear();
  }
}

// Records rows as fast as they are stored, and says on `out` which are: the last id, as text.
[[noreturn]] void write_for_ever(const std::string& path, int out) {
  net::Loop loop;
  std::unique_ptr<ActivityStore> store;
  std::function<void()> more = [&] {
    for (int i = 0; i < 100; ++i) {
      Activity row = activity("a");
      row.tokens.output_per_second = 1 + i;
      store->record(std::move(row));
    }
  };
  StoreOptions options;
  options.path = path;
  options.stored = [&](std::span<const Activity> rows) {
    const std::string line = std::to_string(rows.back().id) + "\n";
    if (::write(out, line.data(), line.size()) < 0) ::_exit(1);
    more();
  };
  store = std::make_unique<ActivityStore>(loop, options);
  const auto work = [&]() -> net::Awaitable<void> {
    (void)co_await store->start();
    more();
  };
  net::spawn(loop, work());
  loop.run();
  ::_exit(1);
}

TEST_F(StoreTest, WhatWasStoredSurvivesKill9) {
  Directory directory;
  const std::string path = directory.file("a.db");
  std::int64_t before = 0;
  for (int round = 0; round < 3; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_for_ever(path, ends[1]);
    ::close(ends[1]);
    std::FILE* lines = ::fdopen(ends[0], "r");
    long long told = 0;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(std::fscanf(lines, "%lld", &told), 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    // Until the end: what it said before it died.
    while (std::fscanf(lines, "%lld", &told) == 1) continue;
    std::fclose(lines);
    Connection check(path);
    EXPECT_EQ(check.row("PRAGMA integrity_check"), "ok");
    const std::int64_t rows = std::stoll(check.row("SELECT count(*) FROM activity"));
    EXPECT_GE(rows, told);
    EXPECT_GT(told, before);
    EXPECT_EQ(check.row("SELECT max(id) FROM activity"), std::to_string(rows)) << "without a gap";
    EXPECT_EQ(check.row("SELECT sum(requests) FROM ls_day"), std::to_string(rows));
    EXPECT_EQ(check.row("SELECT sum(requests) FROM ls_speed"), std::to_string(rows));
    before = told;
  }
}

}  // namespace
}  // namespace llama_swap::store
