#include "store/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/histogram.h"
#include "store/query_sql.h"
#include "store/schema.h"
#include "store/speeds.h"

namespace llama_swap::store {
namespace {

constexpr std::string_view kRow = R"(
SELECT a.id, a.ts_created, a.model_id, a.req_path, a.resp_content_type, a.resp_status_code,
       a.cache_tokens, a.draft_tokens, a.draft_acc_tokens, a.input_tokens, a.output_tokens,
       a.prompt_per_second, a.tokens_per_second, a.duration_ms, a.error_msg, a.metadata_json,
       r.started_ms, r.queue_ms, r.load_ms, r.first_byte_ms, r.prefill_ms, r.decode_ms,
       r.key, r.client, r.session, r.swap_caused, r.bytes_in, r.bytes_out, r.ending,
       r.prompt_tokens, r.request_id
FROM activity a LEFT JOIN ls_request r ON r.activity_id = a.id WHERE a.id = ?)";

std::optional<util::milliseconds> optional_ms(const Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return util::milliseconds(row.integer(column));
}

Activity activity(const Statement& row) {
  int next = 0;
  const auto integer = [&] { return row.integer(next++); };
  const auto text = [&] { return row.text(next++); };
  const auto ms = [&] { return optional_ms(row, next++); };
  Activity out;
  out.id = integer();
  out.ended = std::chrono::sys_seconds(util::seconds(integer()));
  out.model = text();
  out.path = text();
  out.content_type = text();
  out.status = static_cast<int>(integer());
  out.tokens.cached = integer();
  out.tokens.drafted = integer();
  out.tokens.draft_accepted = integer();
  out.tokens.input = integer();
  out.tokens.output = integer();
  out.tokens.prompt_per_second = row.real(next++);
  out.tokens.output_per_second = row.real(next++);
  out.duration = util::milliseconds(integer());
  out.error = text();
  out.metadata_json = text();
  if (const auto started = ms()) out.started.emplace(*started);
  out.phases.queue = ms();
  out.phases.load = ms();
  out.phases.first_byte = ms();
  out.phases.prefill = ms();
  out.phases.decode = ms();
  out.key = text();
  out.client = text();
  out.session = text();
  out.swap_caused = integer() != 0;
  out.bytes_in = integer();
  out.bytes_out = integer();
  out.ending = static_cast<Ending>(std::clamp<std::int64_t>(integer(), 0, 2));
  if (!row.is_null(next)) out.prompt_tokens = row.integer(next);
  ++next;
  out.request_id = text();
  return out;
}

util::Result<Statement> prepare(Database& database, const Sql& sql) {
  auto statement = database.prepare_once(sql.text);
  if (statement)
    for (const Value& value : sql.values) statement->bind_value(value);
  return statement;
}

util::Result<std::int64_t> integer(Database& database, const Sql& sql) {
  auto statement = prepare(database, sql);
  if (!statement) return tl::unexpected(statement.error());
  if (const auto row = statement->step(); !row) return tl::unexpected(row.error());
  return statement->integer(0);
}

struct Day {
  std::int64_t day, requests, min_id, max_id;
};

util::Result<std::vector<Day>> days(Database& database, const Filter& filter) {
  auto statement = prepare(database, days_sql(filter));
  if (!statement) return tl::unexpected(statement.error());
  std::vector<Day> out;
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return out;
    out.push_back({statement->integer(0), statement->integer(1), statement->integer(2),
                   statement->integer(3)});
  }
}

bool within(std::int64_t low, std::int64_t high, const std::optional<std::int64_t>& from,
            const std::optional<std::int64_t>& to) {
  return (!from || low >= *from) && (!to || high <= *to);
}

// Ids grow with time, nearly: so a span of time is one of ids, and the rows that are outside
// need not be walked over. No row of the filter is lost.
void narrow_ids(Filter& filter, const std::vector<Day>& found) {
  if ((!filter.start && !filter.end) || found.empty()) return;
  const auto low = std::ranges::min(found, {}, &Day::min_id).min_id;
  const auto high = std::ranges::max(found, {}, &Day::max_id).max_id;
  filter.min_id = std::max(filter.min_id.value_or(low), low);
  filter.max_id = std::min(filter.max_id.value_or(high), high);
}

// Whole days from their sums; of days that the bounds cut, the rows.
util::Result<std::int64_t> total(Database& database, const Filter& filter,
                                 const std::vector<Day>& found) {
  if (found.empty()) return 0;
  if (!countable_by_day(filter)) {
    Filter narrowed = filter;
    narrow_ids(narrowed, found);
    return integer(database, count_sql(narrowed));
  }
  std::int64_t sum = 0;
  for (const Day& day : found) {
    const std::int64_t first = day.day * 86400, last = first + 86399;
    const bool apart = (filter.min_id && day.max_id < *filter.min_id) ||
                       (filter.max_id && day.min_id > *filter.max_id);
    if (apart) continue;
    if (within(first, last, filter.start, filter.end) &&
        within(day.min_id, day.max_id, filter.min_id, filter.max_id)) {
      sum += day.requests;
      continue;
    }
    Filter part = filter;
    part.start = std::max(filter.start.value_or(first), first);
    part.end = std::min(filter.end.value_or(last), last);
    const auto count = integer(database, count_sql(part));
    if (!count) return count;
    sum += *count;
  }
  return sum;
}

util::Result<std::optional<Value>> anchor(Database& database, const Query& query) {
  const auto& row = query.after ? query.after : query.before;
  if (!row || query.sort == Sort::id) return std::nullopt;
  auto statement = prepare(
      database, {fmt::format("SELECT {} FROM activity WHERE id = ?", column(query.sort)), {*row}});
  if (!statement) return tl::unexpected(statement.error());
  const auto there = statement->step();
  if (!there) return tl::unexpected(there.error());
  if (!*there) return util::fail(util::Errc::not_found, fmt::format("no row has the id {}", *row));
  return statement->value(0);
}

util::Result<std::vector<std::int64_t>> ids(Database& database, const Query& query) {
  const auto value = anchor(database, query);
  if (!value) return tl::unexpected(value.error());
  auto statement = prepare(database, ids_sql(query, *value));
  if (!statement) return tl::unexpected(statement.error());
  std::vector<std::int64_t> out;
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) break;
    out.push_back(statement->integer(0));
  }
  if (query.before) std::ranges::reverse(out);
  return out;
}

util::Result<std::vector<Activity>> rows_of(Database& database,
                                            const std::vector<std::int64_t>& wanted) {
  std::vector<Activity> out;
  out.reserve(wanted.size());
  for (const std::int64_t id : wanted) {
    auto statement = database.prepare(kRow);
    if (!statement) return tl::unexpected(statement.error());
    const auto row = statement->bind(id).step();
    if (!row) return tl::unexpected(row.error());
    if (*row) out.push_back(activity(*statement));
  }
  return out;
}

util::Result<std::vector<Activity>> rows(Database& database, Query query,
                                         const std::vector<Day>& found) {
  if (query.sort == Sort::id) narrow_ids(query.filter, found);
  const auto wanted = ids(database, query);
  if (!wanted) return tl::unexpected(wanted.error());
  return rows_of(database, *wanted);
}

util::Result<std::optional<Histogram>> speed_histogram(Database& database, Speed kind,
                                                       const std::vector<std::string>& models) {
  auto values = Speeds::of(database, kind, models);
  if (!values) return tl::unexpected(values.error());
  return histogram(*values);
}

}  // namespace

util::Result<Page> list(Database& database, const Query& query) {
  const auto snapshot = Transaction::begin(database, Transaction::Kind::read);
  if (!snapshot) return tl::unexpected(snapshot.error());
  const auto found = days(database, query.filter);
  if (!found) return tl::unexpected(found.error());
  const auto count = total(database, query.filter, *found);
  if (!count) return tl::unexpected(count.error());
  Page page;
  page.total = *count;
  // Whoever asks for what is not there should not pay for a search.
  if (page.total == 0) return page;
  auto listed = rows(database, query, *found);
  if (!listed) return tl::unexpected(listed.error());
  page.rows = std::move(*listed);
  return page;
}

util::Result<std::vector<Activity>> rows(Database& database, const Query& query) {
  const auto snapshot = Transaction::begin(database, Transaction::Kind::read);
  if (!snapshot) return tl::unexpected(snapshot.error());
  const auto found = days(database, query.filter);
  if (!found) return tl::unexpected(found.error());
  if (found->empty()) return std::vector<Activity>();
  return rows(database, query, *found);
}

util::Result<Stats> stats(Database& database, const std::vector<std::string>& models) {
  const auto snapshot = Transaction::begin(database, Transaction::Kind::read);
  if (!snapshot) return tl::unexpected(snapshot.error());
  Sql sql{fmt::format("SELECT sum(requests), {}, {}, {} FROM ls_day", sum_sql("input_tokens"),
                      sum_sql("output_tokens"), sum_sql("cache_tokens")),
          {}};
  if (!models.empty()) {
    sql.text += " WHERE model_id " + in_list(models.size());
    sql.values.insert(sql.values.end(), models.begin(), models.end());
  }
  Stats out;
  {
    auto sums = prepare(database, sql);
    if (!sums) return tl::unexpected(sums.error());
    if (const auto row = sums->step(); !row) return tl::unexpected(row.error());
    out.requests = sums->integer(0);
    out.input_tokens = sums->integer(1);
    out.output_tokens = sums->integer(2);
    out.cached_tokens = sums->integer(3);
  }
  auto prompt = speed_histogram(database, Speed::prompt, models);
  if (!prompt) return tl::unexpected(prompt.error());
  auto generation = speed_histogram(database, Speed::generation, models);
  if (!generation) return tl::unexpected(generation.error());
  out.prompt = std::move(*prompt);
  out.generation = std::move(*generation);
  return out;
}

util::Result<std::vector<Usage>> usage(Database& database, const UsageQuery& query) {
  const auto group = [](bool by, std::string_view name) {
    return by ? std::string(name) : std::string("''");
  };
  Sql sql{fmt::format("SELECT {}, {}, {}, sum(requests), sum(requests * failed)",
                      group(query.by_day, "day"), group(query.by_key, "key"),
                      group(query.by_model, "model_id")),
          {}};
  for (const char* const column : {"input_tokens", "output_tokens", "cache_tokens", "prompt_tokens",
                                   "bytes_in", "bytes_out", "duration_ms"})
    sql.text += ", " + sum_sql(column);
  sql.text += " FROM ls_day WHERE day BETWEEN ? AND ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
  const auto number = [](const std::chrono::sys_days& day) {
    return std::int64_t{day.time_since_epoch().count()};
  };
  sql.values.emplace_back(query.first ? number(*query.first) : INT64_MIN);
  sql.values.emplace_back(query.last ? number(*query.last) : INT64_MAX);
  auto statement = prepare(database, sql);
  if (!statement) return tl::unexpected(statement.error());
  std::vector<Usage> out;
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return out;
    Usage& sum = out.emplace_back();
    if (query.by_day)
      sum.day = std::chrono::sys_days(std::chrono::days(static_cast<int>(statement->integer(0))));
    sum.key = statement->text(1);
    sum.model = statement->text(2);
    sum.requests = statement->integer(3);
    sum.failed = statement->integer(4);
    sum.input_tokens = statement->integer(5);
    sum.output_tokens = statement->integer(6);
    sum.cached_tokens = statement->integer(7);
    sum.prompt_tokens = statement->integer(8);
    sum.bytes_in = statement->integer(9);
    sum.bytes_out = statement->integer(10);
    sum.duration = util::milliseconds(statement->integer(11));
  }
}

util::Result<std::int64_t> row_count(Database& database) {
  return database.integer("SELECT coalesce(sum(requests), 0) FROM ls_day");
}

}  // namespace llama_swap::store
