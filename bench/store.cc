// What the activity store costs: rows per second going in, and how long questions take at several
// sizes of the table, side by side.
//
//   store DIRECTORY [ROWS]...      default: 50000 5000000; the files need about 450 bytes a row,
//                                  stay there, and are used again next time
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "store/read.h"
#include "store/storage.h"
#include "util/unique_id.h"

namespace {

using namespace llama_swap;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kBatch = 500;
constexpr std::int64_t kTimedRows = 50'000;
constexpr std::size_t kLargeBatch = 10'000;  // for the rest: only its presence matters
constexpr std::int64_t kBegin = 1'700'000'000;
constexpr int kSecondsPerRow = 2;

std::minstd_rand generator{1};

int below(int n) {
  return static_cast<int>(generator() % static_cast<unsigned>(n));
}

// In an order that looks like chance, as those that the server makes.
std::string request_id(std::int64_t id) {
  std::string out;
  util::append_hex(out, util::UniqueIds(static_cast<std::uint64_t>(id)).next());
  return out;
}

store::Activity row(std::int64_t id) {
  store::Activity out;
  out.id = id;
  out.ended = std::chrono::sys_seconds(std::chrono::seconds(kBegin + id * kSecondsPerRow));
  out.model = "model-" + std::to_string(below(8));
  out.path = below(4) == 0 ? "/v1/embeddings" : "/v1/chat/completions";
  out.content_type = "text/event-stream";
  out.status = below(50) == 0 ? 502 : 200;
  if (out.status != 200) out.error = "502 Bad Gateway";
  out.metadata_json = R"({"fifo_priority":"0"})";
  out.tokens = {below(100), -1, -1, below(8000), below(2000), 0, 0};
  std::lognormal_distribution<double> prompt(7, 0.5), generation(3.8, 0.2);
  if (out.status == 200) {
    out.tokens.prompt_per_second = prompt(generator);
    out.tokens.output_per_second = generation(generator);
  }
  out.duration = util::milliseconds(below(60'000));
  out.key = "key-" + std::to_string(below(5));
  out.client = "10.0." + std::to_string(below(4)) + "." + std::to_string(below(250));
  out.session = "session-" + std::to_string(id / 20);
  out.phases.queue = util::milliseconds(below(100));
  out.phases.first_byte = util::milliseconds(below(1000));
  out.bytes_in = below(100'000);
  out.bytes_out = below(100'000);
  out.request_id = request_id(id);
  return out;
}

template <class T>
T succeed(util::Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "store: %s\n", result.error().message.c_str());
  std::exit(1);
}

struct Cost {
  double rows_per_second;
  double cpu_us;  // of a row
};

Seconds cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// As far as rows come in batches of the usual size; the time to make them does not count.
Cost fill(store::Storage& storage, std::int64_t rows) {
  succeed(storage.open());
  Seconds spent{}, cpu{};
  std::vector<store::Activity> batch;
  for (std::int64_t id = 1; id <= rows; ++id) {
    batch.push_back(row(id));
    const bool timed = id <= kTimedRows;
    if (batch.size() < (timed ? kBatch : kLargeBatch) && id < rows) continue;
    const auto begin = util::Clock::now();
    const Seconds cpu_begin = cpu_time();
    if (const auto done = storage.write(batch); !done) {
      std::fprintf(stderr, "store: %s\n", done.error().message.c_str());
      std::exit(1);
    }
    if (timed) {
      spent += util::Clock::now() - begin;
      cpu += cpu_time() - cpu_begin;
    }
    batch.clear();
  }
  const auto timed_rows = static_cast<double>(std::min(rows, kTimedRows));
  return {timed_rows / spent.count(), cpu.count() * 1e6 / timed_rows};
}

struct Question {
  const char* name;
  // Given the number of rows.
  std::function<util::Result<bool>(store::Database&, std::int64_t)> ask;
};

Question listing(const char* name, std::function<void(store::Query&, std::int64_t rows)> set) {
  return {name, [set](store::Database& database, std::int64_t rows) -> util::Result<bool> {
            store::Query query;
            set(query, rows);
            const auto page = store::list(database, query);
            if (!page) return tl::unexpected(page.error());
            return !page->rows.empty();
          }};
}

Question statistics(const char* name, std::vector<std::string> models) {
  return {name, [models](store::Database& database, std::int64_t) -> util::Result<bool> {
            const auto sums = store::stats(database, models);
            if (!sums) return tl::unexpected(sums.error());
            return sums->requests > 0;
          }};
}

std::vector<Question> questions() {
  return {
      listing("list", [](auto&, auto) {}),
      listing("by model", [](auto& query, auto) { query.filter.models = {"model-3"}; }),
      listing("by three models",
              [](auto& query, auto) {
                query.filter.models = {"model-1", "model-3", "model-5"};
              }),
      listing("by key", [](auto& query, auto) { query.filter.key = "key-2"; }),
      listing("by session", [](auto& query, auto) { query.filter.session = "session-77"; }),
      listing("5xx", [](auto& query, auto) { query.filter.status_class = 5; }),
      listing("with an error", [](auto& query, auto) { query.filter.has_error = true; }),
      listing("the last day",
              [](auto& query, auto rows) {
                query.filter.start = kBegin + rows * kSecondsPerRow - 86400;
              }),
      listing("a day in the middle, by model",
              [](auto& query, auto rows) {
                query.filter.start = kBegin + rows * kSecondsPerRow / 2 - 43200;
                query.filter.end = *query.filter.start + 86400;
                query.filter.models = {"model-3"};
              }),
      listing("after an id in the middle", [](auto& query, auto rows) { query.after = rows / 2; }),
      listing("by client (a thousandth of the rows)",
              [](auto& query, auto) { query.filter.client = "10.0.1.7"; }),
      listing("page in the middle", [](auto& query, auto rows) { query.page = rows / 50; }),
      listing("longest first (no index)",
              [](auto& query, auto) { query.sort = store::Sort::duration; }),
      listing("by request id (no index)",
              [](auto& query, auto rows) { query.filter.request_id = request_id(rows / 2); }),
      statistics("statistics", {}),
      statistics("statistics of a model", {"model-3"}),
      {"usage by day and model",
       [](store::Database& database, std::int64_t) -> util::Result<bool> {
         store::UsageQuery query;
         query.by_day = query.by_model = true;
         const auto sums = store::usage(database, query);
         if (!sums) return tl::unexpected(sums.error());
         return !sums->empty();
       }},
  };
}

double median_ms(store::Storage& storage, const Question& question, std::int64_t rows) {
  const std::function<util::Result<bool>(store::Database&)> ask = [&](store::Database& database) {
    return question.ask(database, rows);
  };
  std::vector<double> times;
  const auto end = util::Clock::now() + std::chrono::seconds(2);
  do {
    const auto begin = util::Clock::now();
    if (!succeed(storage.read<bool>(util::Time::max(), ask)))
      std::fprintf(stderr, "store: %s: no rows\n", question.name);
    times.push_back(Seconds(util::Clock::now() - begin).count() * 1e3);
  } while (times.size() < 21 && util::Clock::now() < end);
  std::ranges::nth_element(times, times.begin() + static_cast<long>(times.size()) / 2);
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: store DIRECTORY [ROWS]...\n");
    return 2;
  }
  std::vector<std::int64_t> sizes;
  for (int i = 2; i < argc; ++i) sizes.push_back(std::max(1LL, std::atoll(argv[i])));
  if (sizes.empty()) sizes = {50'000, 5'000'000};

  {
    store::Storage memory("", {.max_rows = 1000});
    const Cost cost = fill(memory, 50'000);
    std::printf("in memory, the last 1000 kept: %.0f rows/s, %.1f us CPU a row\n",
                cost.rows_per_second, cost.cpu_us);
  }
  std::vector<std::unique_ptr<store::Storage>> tables;
  for (const std::int64_t rows : sizes) {
    const std::string path = std::string(argv[1]) + "/store-" + std::to_string(rows) + ".db";
    const bool there = std::filesystem::exists(path);
    tables.push_back(std::make_unique<store::Storage>(path, store::Retention{}));
    if (there) {
      succeed(tables.back()->open());
      continue;
    }
    const Cost cost = fill(*tables.back(), rows);
    std::printf("file, to %lld rows: %.0f rows/s, %.1f us CPU and %.0f bytes a row\n",
                static_cast<long long>(rows), cost.rows_per_second, cost.cpu_us,
                static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(rows));
  }
  std::printf("\n%-40s", "ms (median)");
  for (const std::int64_t rows : sizes) std::printf("%12lld", static_cast<long long>(rows));
  std::printf("\n");
  for (const Question& question : questions()) {
    std::printf("%-40s", question.name);
    for (std::size_t i = 0; i < sizes.size(); ++i)
      std::printf("%12.2f", median_ms(*tables[i], question, sizes[i]));
    std::printf("\n");
    std::fflush(stdout);
  }
}
