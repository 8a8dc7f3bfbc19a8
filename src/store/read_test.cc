// Questions about activity, against the slow and obvious way of answering them.
#include "store/read.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "store/query_sql.h"
#include "store/storage.h"
#include "store/test_support.h"
#include "util/text.h"

namespace llama_swap::store {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kFirstDay = 19'675;  // 2023-11-14

template <class T, class F>
util::Result<T> ask(Storage& storage, F question) {
  return storage.read<T>(util::Time::max(), question);
}

util::Result<Page> listed(Storage& storage, const Query& query) {
  return ask<Page>(storage, [&](Database& database) { return list(database, query); });
}

std::vector<std::int64_t> ids(const std::vector<Activity>& rows) {
  std::vector<std::int64_t> out;
  for (const Activity& row : rows) out.push_back(row.id);
  return out;
}

bool passes(const Filter& f, const Activity& row) {
  const auto is = [](const std::optional<std::string>& wanted, const std::string& value) {
    return !wanted || *wanted == value;
  };
  const std::int64_t at = row.ended.time_since_epoch().count();
  return (f.models.empty() || std::ranges::find(f.models, row.model) != f.models.end()) &&
         (!f.start || at >= *f.start) && (!f.end || at <= *f.end) &&
         (!f.min_id || row.id >= *f.min_id) && (!f.max_id || row.id <= *f.max_id) &&
         (!f.status_class || row.status / 100 == *f.status_class) && is(f.path, row.path) &&
         is(f.key, row.key) && is(f.client, row.client) && is(f.session, row.session) &&
         is(f.request_id, row.request_id) && (!f.has_error || *f.has_error == !row.error.empty()) &&
         (!f.min_duration || row.duration >= *f.min_duration) &&
         (!f.error_text || (!row.error.empty() && util::icontains(row.error, *f.error_text)));
}

Value sorted_by(const Activity& row, Sort sort) {
  switch (sort) {
    case Sort::id:
      return row.id;
    case Sort::time:
      return std::int64_t{row.ended.time_since_epoch().count()};
    case Sort::model:
      return row.model;
    case Sort::path:
      return row.path;
    case Sort::status:
      return std::int64_t{row.status};
    case Sort::content_type:
      return row.content_type;
    case Sort::cached:
      return row.tokens.cached;
    case Sort::prompt:
      return row.tokens.input;
    case Sort::generated:
      return row.tokens.output;
    case Sort::drafted:
      return row.tokens.drafted;
    case Sort::prompt_speed:
      return row.tokens.prompt_per_second;
    case Sort::generation_speed:
      return row.tokens.output_per_second;
    case Sort::duration:
      return std::int64_t{row.duration.count()};
  }
  return {};
}

// Random, but the same every time.
class ReadTest : public ::testing::Test {
 protected:
  static constexpr int kRows = 1600;

  void SetUp() override {
    ASSERT_TRUE(storage.open());
    for (int i = 0; i < kRows; ++i) rows.push_back(random_row(i + 1));
    for (std::size_t from = 0; from < rows.size(); from += 400) {
      std::vector<Activity> batch(rows.begin() + static_cast<long>(from),
                                  rows.begin() + static_cast<long>(from) + 400);
      const auto done = storage.write(batch);
      ASSERT_TRUE(done) << done.error().message;
    }
  }

  int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  bool one_in(int n) { return below(n) == 0; }

  Activity random_row(std::int64_t id) {
    Activity row = activity("m" + std::to_string(below(4)));
    row.id = id;
    // Time goes on with the ids, with some disorder, over eight days.
    row.ended = std::chrono::sys_seconds(
        util::seconds(kFirstDay * kDay + id * 8 * kDay / kRows + below(3000)));
    if (one_in(3)) row.path = "/v1/embeddings";
    if (one_in(10))
      row.status = std::vector{201, 404, 429, 500, 502, 503}.at(static_cast<std::size_t>(below(6)));
    if (row.status >= 400)
      row.error = std::to_string(row.status) + (one_in(2) ? " 100% Bad_Gateway" : " overload");
    row.tokens.cached = below(3) - 1;
    row.tokens.input = below(5000);
    row.tokens.output = below(50);
    row.tokens.drafted = below(4) - 1;
    row.tokens.prompt_per_second = one_in(4) ? -1 : below(200'000) / 64.0;
    row.tokens.output_per_second = one_in(4) ? 0 : 40 + below(100'000) / 5e4;
    row.duration = util::milliseconds(below(2000));
    row.key = one_in(2) ? "" : "key" + std::to_string(below(3));
    row.client = "10.0.0." + std::to_string(below(50));
    row.session = one_in(2) ? "" : "s" + std::to_string(below(400));
    row.request_id = one_in(3) ? "" : "r" + std::to_string(below(200));
    row.bytes_in = below(1000);
    if (one_in(2)) row.prompt_tokens = below(100);
    return row;
  }

  Filter random_filter() {
    Filter f;
    for (int i = one_in(2) ? 0 : below(4); i > 0; --i)
      f.models.push_back("m" + std::to_string(below(5)));
    std::ranges::sort(f.models);
    f.models.erase(std::unique(f.models.begin(), f.models.end()), f.models.end());
    if (one_in(3)) f.start = kFirstDay * kDay + below(8 * kDay);
    if (one_in(3)) f.end = kFirstDay * kDay + below(9 * kDay);
    if (one_in(6)) f.min_id = 1 + below(kRows);
    if (one_in(6)) f.max_id = 1 + below(kRows + 100);
    if (one_in(5)) f.status_class = 2 + below(4);
    if (one_in(5)) f.path = one_in(2) ? "/v1/embeddings" : "/v1/chat/completions";
    if (one_in(5)) f.key = "key" + std::to_string(below(4));
    if (one_in(8)) f.client = "10.0.0." + std::to_string(below(51));
    if (one_in(12)) f.session = "s" + std::to_string(below(401));
    if (one_in(12)) f.request_id = "r" + std::to_string(below(201));
    if (one_in(5)) f.has_error = one_in(2);
    if (one_in(8)) f.min_duration = util::milliseconds(below(2000));
    if (one_in(8))
      f.error_text = std::vector<std::string>{"bad_g", "100%", "%", "502", "x"}.at(
          static_cast<std::size_t>(below(5)));
    return f;
  }

  std::vector<Activity> expected(const Query& query) const {
    std::vector<Activity> out;
    std::ranges::copy_if(rows, std::back_inserter(out),
                         [&](const Activity& row) { return passes(query.filter, row); });
    std::ranges::sort(out, [&](const Activity& a, const Activity& b) {
      const auto left = std::pair(sorted_by(a, query.sort), a.id);
      const auto right = std::pair(sorted_by(b, query.sort), b.id);
      return query.descending ? left > right : left < right;
    });
    return out;
  }

  std::minstd_rand random{1};
  Directory directory;
  Storage storage{directory.file("a.db"), {}};
  std::vector<Activity> rows;
};

TEST_F(ReadTest, ARowComesBackAsItWas) {
  Activity row = rows[0];
  row.id = kRows + 1;
  row.content_type = "text/event-stream";
  row.metadata_json = R"({"selector":"s"})";
  row.started = std::chrono::sys_time<util::milliseconds>(util::milliseconds(1'699'999'999'123));
  row.phases = {util::milliseconds(1), util::milliseconds(2), util::milliseconds(3),
                util::milliseconds(4), std::nullopt};
  row.swap_caused = true;
  row.bytes_out = 1'000'000'000'000;
  row.request_id = "9f86d081884c7d65";
  row.ending = Ending::truncated;
  row.error = std::string("with a \0 in it", 14);
  std::vector<Activity> batch = {row};
  ASSERT_TRUE(storage.write(batch));
  Query query;
  query.limit = 1;
  const auto page = listed(storage, query);
  ASSERT_TRUE(page);
  const Activity& got = page->rows.at(0);
  EXPECT_EQ(got.id, row.id);
  EXPECT_EQ(got.ended, row.ended);
  EXPECT_EQ(got.model, row.model);
  EXPECT_EQ(got.path, row.path);
  EXPECT_EQ(got.content_type, row.content_type);
  EXPECT_EQ(got.status, row.status);
  EXPECT_EQ(got.tokens.cached, row.tokens.cached);
  EXPECT_EQ(got.tokens.drafted, row.tokens.drafted);
  EXPECT_EQ(got.tokens.draft_accepted, row.tokens.draft_accepted);
  EXPECT_EQ(got.tokens.input, row.tokens.input);
  EXPECT_EQ(got.tokens.output, row.tokens.output);
  EXPECT_EQ(got.tokens.prompt_per_second, row.tokens.prompt_per_second);
  EXPECT_EQ(got.tokens.output_per_second, row.tokens.output_per_second);
  EXPECT_EQ(got.duration, row.duration);
  EXPECT_EQ(got.error, row.error);
  EXPECT_EQ(got.metadata_json, row.metadata_json);
  EXPECT_EQ(got.started, row.started);
  EXPECT_EQ(got.phases.queue, row.phases.queue);
  EXPECT_EQ(got.phases.load, row.phases.load);
  EXPECT_EQ(got.phases.first_byte, row.phases.first_byte);
  EXPECT_EQ(got.phases.prefill, row.phases.prefill);
  EXPECT_EQ(got.phases.decode, row.phases.decode);
  EXPECT_EQ(got.key, row.key);
  EXPECT_EQ(got.client, row.client);
  EXPECT_EQ(got.session, row.session);
  EXPECT_EQ(got.swap_caused, row.swap_caused);
  EXPECT_EQ(got.bytes_in, row.bytes_in);
  EXPECT_EQ(got.bytes_out, row.bytes_out);
  EXPECT_EQ(got.ending, row.ending);
  EXPECT_EQ(got.prompt_tokens, row.prompt_tokens);
  EXPECT_EQ(got.request_id, row.request_id);
}

TEST_F(ReadTest, EverySortInBothDirectionsByPageAndByKey) {
  for (int sort = 0; sort <= static_cast<int>(Sort::duration); ++sort) {
    for (const bool descending : {true, false}) {
      Query query;
      query.filter.models = {"m1", "m3"};
      query.sort = static_cast<Sort>(sort);
      query.descending = descending;
      query.limit = 100;
      const auto all = ids(expected(query));
      SCOPED_TRACE(std::string(column(query.sort)) + (descending ? " desc" : " asc"));
      std::vector<std::int64_t> by_page, by_key;
      for (query.page = 1;; ++query.page) {
        const auto page = listed(storage, query);
        ASSERT_TRUE(page) << page.error().message;
        EXPECT_EQ(page->total, static_cast<std::int64_t>(all.size()));
        if (page->rows.empty()) break;
        for (const auto id : ids(page->rows)) by_page.push_back(id);
      }
      EXPECT_EQ(by_page, all);
      query.page = 1;
      for (;;) {
        const auto page = listed(storage, query);
        ASSERT_TRUE(page) << page.error().message;
        for (const auto id : ids(page->rows)) by_key.push_back(id);
        if (page->rows.size() < 100) break;
        query.after = page->rows.back().id;
      }
      EXPECT_EQ(by_key, all);
      query.after.reset();
      query.before = all.at(300);
      const auto page = listed(storage, query);
      ASSERT_TRUE(page) << page.error().message;
      EXPECT_EQ(ids(page->rows), std::vector<std::int64_t>(all.begin() + 200, all.begin() + 300));
    }
  }
}

TEST_F(ReadTest, RandomQuestions) {
  int with_rows = 0;
  for (int i = 0; i < 600; ++i) {
    Query query;
    query.filter = random_filter();
    query.sort = one_in(2) ? Sort::id : one_in(2) ? Sort::time : static_cast<Sort>(below(13));
    query.descending = !one_in(3);
    query.limit = 1 + below(40);
    query.page = 1 + below(3);
    const auto all = ids(expected(query));
    const auto page = listed(storage, query);
    ASSERT_TRUE(page) << page.error().message;
    SCOPED_TRACE(ids_sql(query, std::nullopt).text);
    ASSERT_EQ(page->total, static_cast<std::int64_t>(all.size()));
    const auto from =
        std::min(all.size(), static_cast<std::size_t>((query.page - 1) * query.limit));
    const auto to = std::min(all.size(), from + static_cast<std::size_t>(query.limit));
    ASSERT_EQ(ids(page->rows), std::vector<std::int64_t>(all.begin() + static_cast<long>(from),
                                                         all.begin() + static_cast<long>(to)));
    with_rows += !page->rows.empty();
  }
  EXPECT_GT(with_rows, 200) << "the questions have become pointless";
}

TEST_F(ReadTest, AnAnchorThatIsGone) {
  Query query;
  query.limit = 2;
  query.after = 100'000;
  const auto by_id = listed(storage, query);
  ASSERT_TRUE(by_id);
  EXPECT_EQ(ids(by_id->rows), (std::vector<std::int64_t>{kRows, kRows - 1}));
  query.sort = Sort::duration;
  const auto by_duration = listed(storage, query);
  ASSERT_FALSE(by_duration);
  EXPECT_EQ(by_duration.error().code, util::Errc::not_found);
}

void expect_equal(const std::optional<Histogram>& got, const std::optional<Histogram>& want) {
  ASSERT_EQ(got.has_value(), want.has_value());
  if (!got) return;
  EXPECT_EQ(got->bins, want->bins);
  EXPECT_EQ(got->min, want->min);
  EXPECT_EQ(got->max, want->max);
  EXPECT_EQ(got->bin_size, want->bin_size);
  EXPECT_EQ(got->p50, want->p50);
  EXPECT_EQ(got->p95, want->p95);
  EXPECT_EQ(got->p99, want->p99);
}

TEST_F(ReadTest, StatisticsAreExactAlsoAfterDeletions) {
  // More than a thousand values in one bucket, equal and not.
  std::vector<Activity> dense;
  for (int i = 0; i < 3000; ++i) {
    dense.push_back(activity(one_in(2) ? "m1" : "dense"));
    dense.back().id = kRows + 1 + i;
    dense.back().tokens.prompt_per_second = 777.125;
    dense.back().tokens.output_per_second = 20 + below(1000) / 1e5;
  }
  ASSERT_TRUE(storage.write(dense));
  rows.insert(rows.end(), dense.begin(), dense.end());
  for (const bool deleted : {false, true}) {
    if (deleted) {
      std::erase_if(rows, [](const Activity& row) { return row.id % 3 == 0; });
      Connection(directory.file("a.db")).execute("DELETE FROM activity WHERE id % 3 = 0");
    }
    const std::vector<std::vector<std::string>> chosen{
        {}, {"m1"}, {"m2"}, {"dense"}, {"nobody"}, {"m1", "dense", "nobody"}, {"m2", "m2"}};
    for (const std::vector<std::string>& models : chosen) {
      SCOPED_TRACE(util::join(models, ",") + (deleted ? " after deletions" : ""));
      Stats want;
      std::vector<double> prompt, generation;
      for (const Activity& row : rows) {
        if (!models.empty() && std::ranges::find(models, row.model) == models.end()) continue;
        ++want.requests;
        want.input_tokens += row.tokens.input;
        want.output_tokens += row.tokens.output;
        want.cached_tokens += std::max<std::int64_t>(row.tokens.cached, 0);
        prompt.push_back(row.tokens.prompt_per_second);
        generation.push_back(row.tokens.output_per_second);
      }
      const auto got =
          ask<Stats>(storage, [&](Database& database) { return stats(database, models); });
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(got->requests, want.requests);
      EXPECT_EQ(got->input_tokens, want.input_tokens);
      EXPECT_EQ(got->output_tokens, want.output_tokens);
      EXPECT_EQ(got->cached_tokens, want.cached_tokens);
      expect_equal(got->prompt, histogram_by_rule(prompt));
      expect_equal(got->generation, histogram_by_rule(generation));
    }
  }
}

TEST_F(ReadTest, UsageByWhatIsAskedFor) {
  UsageQuery query;
  const auto ask_usage = [&] {
    return ask<std::vector<Usage>>(storage,
                                   [&](Database& database) { return usage(database, query); });
  };
  const auto sum = ask_usage();
  ASSERT_TRUE(sum && sum->size() == 1);
  Usage want;
  for (const Activity& row : rows) {
    ++want.requests;
    want.failed += !row.error.empty();
    want.input_tokens += row.tokens.input;
    want.prompt_tokens += row.prompt_tokens.value_or(0);
    want.bytes_in += row.bytes_in;
    want.duration += row.duration;
  }
  EXPECT_EQ(sum->front().requests, want.requests);
  EXPECT_EQ(sum->front().failed, want.failed);
  EXPECT_EQ(sum->front().input_tokens, want.input_tokens);
  EXPECT_EQ(sum->front().prompt_tokens, want.prompt_tokens);
  EXPECT_EQ(sum->front().bytes_in, want.bytes_in);
  EXPECT_EQ(sum->front().duration, want.duration);
  EXPECT_EQ(sum->front().key + sum->front().model, "");
  EXPECT_FALSE(sum->front().day);

  query.by_key = query.by_model = query.by_day = true;
  const auto day = std::chrono::sys_days(std::chrono::days(kFirstDay + 2));
  query.first = query.last = day;
  const auto one_day = ask_usage();
  ASSERT_TRUE(one_day);
  EXPECT_EQ(one_day->size(), 16u) << "four keys, no key among them, and four models";
  std::int64_t requests = 0;
  for (const Usage& row : *one_day) {
    EXPECT_EQ(row.day, day);
    requests += row.requests;
  }
  EXPECT_EQ(requests, std::ranges::count_if(rows, [&](const Activity& row) {
              return std::chrono::floor<std::chrono::days>(row.ended) == day;
            }));
}

TEST_F(ReadTest, IndexedFiltersNeitherScanNorSort) {
  struct Case {
    const char* name;
    Filter filter;
    Sort sort = Sort::id;
  };
  const auto with = [](auto set) {
    Filter f;
    set(f);
    return f;
  };
  const Case cases[] = {
      {"model", with([](Filter& f) { f.models = {"m1"}; })},
      {"models", with([](Filter& f) {
         f.models = {"m1", "m2", "m3"};
       })},
      {"model by time", with([](Filter& f) { f.models = {"m1"}; }), Sort::time},
      {"models by time", with([](Filter& f) {
         f.models = {"m1", "m2"};
       }),
       Sort::time},
      {"path", with([](Filter& f) { f.path = "/v1/embeddings"; })},
      {"status", with([](Filter& f) { f.status_class = 5; })},
      {"error", with([](Filter& f) { f.has_error = true; })},
      {"error text", with([](Filter& f) { f.error_text = "x"; })},
      {"key", with([](Filter& f) { f.key = "key1"; })},
      {"client", with([](Filter& f) { f.client = "10.0.0.1"; })},
      {"session", with([](Filter& f) { f.session = "s1"; })},
      {"request id between ids",
       with([](Filter& f) { f.request_id = "r1", f.min_id = 5, f.max_id = 9; })},
      {"ids", with([](Filter& f) { f.min_id = 5, f.max_id = 9; })},
      {"time by time", with([](Filter& f) { f.start = 5, f.end = 9; }), Sort::time},
      {"none by time", {}, Sort::time},
  };
  for (const Case& c : cases) {
    for (const bool descending : {true, false}) {
      Query query;
      query.filter = c.filter;
      query.sort = c.sort;
      query.descending = descending;
      const Sql sql = ids_sql(query, std::nullopt);
      const auto plan = ask<std::string>(storage, [&](Database& database) {
        auto statement = database.prepare_once("EXPLAIN QUERY PLAN " + sql.text);
        if (!statement) return util::Result<std::string>(tl::unexpected(statement.error()));
        std::string out;
        for (auto row = statement->step(); row && *row; row = statement->step())
          out += statement->text(3) + "; ";
        return util::Result<std::string>(out);
      });
      ASSERT_TRUE(plan) << c.name << ": " << plan.error().message;
      EXPECT_EQ(plan->find("TEMP B-TREE"), std::string::npos) << c.name << ": " << *plan;
      // A walk along an index of what is wanted, or along the whole order: not a search in rows.
      const bool walks =
          c.filter.error_text || c.filter.has_error || std::string(c.name) == "none by time";
      EXPECT_EQ(plan->find("SCAN") != std::string::npos, walks) << c.name << ": " << *plan;
    }
  }
}

}  // namespace
}  // namespace llama_swap::store
