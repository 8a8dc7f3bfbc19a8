#include "store/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/read.h"
#include "store/schema.h"
#include "store/sums.h"

namespace llama_swap::store {
namespace {

// Short: rows can wait, and so can whoever reads.
constexpr util::milliseconds kBusy{1000};
// Some 5 ms of work.
constexpr std::int64_t kTrimRows = 500;
constexpr std::int64_t kManyRows = 100'000;
constexpr std::int64_t kVacuumPages = 500;
constexpr std::string_view kTooOld =
    "INDEXED BY idx_activity_created_id WHERE ts_created < ? ORDER BY ts_created LIMIT 500";
constexpr std::string_view kOldest = "ORDER BY id LIMIT ?";
constexpr std::string_view kUpTo = "WHERE id <= ?";

constexpr std::string_view kInsertRequest = R"(
INSERT OR REPLACE INTO ls_request (activity_id, started_ms, queue_ms, load_ms, first_byte_ms, prefill_ms,
  decode_ms, key, client, session, swap_caused, bytes_in, bytes_out, ending, prompt_tokens,
  request_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))";

constexpr std::string_view kInsertActivity = R"(
INSERT INTO activity (id, ts_created, model_id, req_path, resp_content_type, resp_status_code,
  cache_tokens, draft_tokens, draft_acc_tokens, input_tokens, output_tokens, prompt_per_second,
  tokens_per_second, duration_ms, error_msg, metadata_json)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))";

// What Sums looks at, of the rows that {} selects.
constexpr std::string_view kSummed = R"(
SELECT a.id, a.ts_created, a.model_id, a.req_path, a.resp_status_code, a.error_msg <> '',
  a.cache_tokens, a.input_tokens, a.output_tokens, a.prompt_per_second, a.tokens_per_second,
  a.duration_ms, r.key, r.prompt_tokens, r.bytes_in, r.bytes_out
FROM activity a LEFT JOIN ls_request r ON r.activity_id = a.id
WHERE a.id IN (SELECT id FROM activity {}))";

Activity summed(const Statement& row) {
  Activity out;
  out.id = row.integer(0);
  out.ended = std::chrono::sys_seconds(util::seconds(row.integer(1)));
  out.model = row.text(2);
  out.path = row.text(3);
  out.status = static_cast<int>(row.integer(4));
  out.error.assign(row.integer(5) != 0 ? 1 : 0, 'x');
  out.tokens.cached = row.integer(6);
  out.tokens.input = row.integer(7);
  out.tokens.output = row.integer(8);
  out.tokens.prompt_per_second = row.real(9);
  out.tokens.output_per_second = row.real(10);
  out.duration = util::milliseconds(row.integer(11));
  out.key = row.text(12);
  out.prompt_tokens = row.integer(13);
  out.bytes_in = row.integer(14);
  out.bytes_out = row.integer(15);
  return out;
}

std::optional<std::int64_t> count(const std::optional<util::milliseconds>& duration) {
  if (!duration) return std::nullopt;
  return duration->count();
}

util::Result<> insert_request(Statement& statement, const Activity& row) {
  std::optional<std::int64_t> started;
  if (row.started) started = row.started->time_since_epoch().count();
  return statement.bind(row.id)
      .bind(started)
      .bind(count(row.phases.queue))
      .bind(count(row.phases.load))
      .bind(count(row.phases.first_byte))
      .bind(count(row.phases.prefill))
      .bind(count(row.phases.decode))
      .bind_view(row.key)
      .bind_view(row.client)
      .bind_view(row.session)
      .bind(std::int64_t{row.swap_caused})
      .bind(row.bytes_in)
      .bind(row.bytes_out)
      .bind(static_cast<std::int64_t>(row.ending))
      .bind(row.prompt_tokens)
      .bind_view(row.request_id)
      .run();
}

util::Result<> insert_activity(Statement& statement, const Activity& row) {
  const Tokens& tokens = row.tokens;
  return statement.bind(row.id)
      .bind(std::int64_t{row.ended.time_since_epoch().count()})
      .bind_view(row.model)
      .bind_view(row.path)
      .bind_view(row.content_type)
      .bind(std::int64_t{row.status})
      .bind(tokens.cached)
      .bind(tokens.drafted)
      .bind(tokens.draft_accepted)
      .bind(tokens.input)
      .bind(tokens.output)
      .bind(tokens.prompt_per_second)
      .bind(tokens.output_per_second)
      .bind(std::int64_t{row.duration.count()})
      .bind_view(row.error)
      .bind_view(row.metadata_json)
      .run();
}

}  // namespace

Storage::Storage(std::string path, Retention retention)
    : path_(std::move(path)), retention_(retention) {}

util::Result<std::int64_t> Storage::open() {
  if (!database_.is_open()) {
    auto opened = database_.open(path_, kBusy);
    if (opened) opened = adopt(database_, path_.empty());
    if (opened) database_.disable_triggers();
    if (!opened) {
      database_.close();
      return tl::unexpected(opened.error());
    }
  }
  return highest_id();
}

void Storage::close() {
  database_.stop();
  database_.close();
}

std::int64_t Storage::rows_to_count() {
  const auto rows = complete_ ? 0 : rows_without_ours(database_);
  return rows && *rows > kManyRows ? *rows : 0;
}

util::Result<> Storage::complete() {
  if (complete_) return {};
  auto done = add_ours(database_);
  complete_ = done.has_value();
  return done;
}

util::Result<std::int64_t> Storage::highest_id() {
  return database_.integer(
      "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'activity'), 0), "
      "coalesce((SELECT max(id) FROM activity), 0))");
}

util::Result<> Storage::insert(std::span<const Activity> rows) {
  auto request = database_.prepare(kInsertRequest);
  if (!request) return tl::unexpected(request.error());
  auto activity = database_.prepare(kInsertActivity);
  if (!activity) return tl::unexpected(activity.error());
  for (const Activity& row : rows) {
    if (auto done = insert_request(*request, row); !done) return done;
    if (auto done = insert_activity(*activity, row); !done) return done;
  }
  return {};
}

util::Result<> Storage::write(std::vector<Activity>& rows) {
  if (auto done = complete(); !done) return done;
  if (rows.empty()) return {};
  auto transaction = Transaction::begin(database_, Transaction::Kind::write);
  if (!transaction) return tl::unexpected(transaction.error());
  const auto highest = highest_id();
  if (!highest) return tl::unexpected(highest.error());
  // Stays when the transaction fails: at the next try it is 0.
  if (const std::int64_t shift = *highest + 1 - rows.front().id; shift > 0)
    for (Activity& row : rows) row.id += shift;
  std::span<const Activity> kept = rows;
  if (path_.empty() && retention_.max_rows > 0) {
    kept = kept.last(std::min(kept.size(), static_cast<std::size_t>(retention_.max_rows)));
    if (auto done = make_room(kept); !done) return done;
  }
  Sums sums;
  for (const Activity& row : kept) sums.add(row);
  if (auto done = insert(kept); !done) return done;
  if (auto done = sums.write(database_); !done) return done;
  return transaction->commit();
}

// So that no more than max_rows ids will be there.
util::Result<> Storage::make_room(std::span<const Activity> rows) {
  if (static_cast<std::int64_t>(rows.size()) >= retention_.max_rows)
    return database_.execute(
        "DELETE FROM activity; DELETE FROM ls_request; DELETE FROM ls_day; DELETE FROM ls_speed");
  const auto removed = remove(kUpTo, rows.back().id - retention_.max_rows);
  if (!removed) return tl::unexpected(removed.error());
  return {};
}

// How many of the oldest rows are over a bound, up to kTrimRows.
util::Result<std::int64_t> Storage::excess() {
  std::int64_t rows = 0;
  if (retention_.max_rows > 0) {
    const auto there = row_count(database_);
    if (!there) return there;
    rows = *there - retention_.max_rows;
  }
  if (retention_.max_bytes > 0) {
    const auto size = pages();
    if (!size) return tl::unexpected(size.error());
    if ((size->all - size->free) * size->bytes > retention_.max_bytes) rows = kTrimRows;
  }
  return std::clamp<std::int64_t>(rows, 0, kTrimRows);
}

util::Result<Storage::Pages> Storage::pages() {
  Pages out;
  for (const auto& [name, target] : {std::pair("PRAGMA page_count", &Pages::all),
                                     std::pair("PRAGMA freelist_count", &Pages::free),
                                     std::pair("PRAGMA page_size", &Pages::bytes)}) {
    const auto number = database_.integer(name);
    if (!number) return tl::unexpected(number.error());
    out.*target = *number;
  }
  return out;
}

util::Result<std::int64_t> Storage::remove(std::string_view which, std::int64_t argument) {
  std::vector<Activity> rows;
  {
    auto statement = database_.prepare(fmt::format(kSummed, which));
    if (!statement) return tl::unexpected(statement.error());
    statement->bind(argument);
    for (;;) {
      const auto row = statement->step();
      if (!row) return tl::unexpected(row.error());
      if (!*row) break;
      rows.push_back(summed(*statement));
    }
  }
  Sums sums;
  for (const Activity& row : rows) sums.remove(row);
  for (const char* const statement_text :
       {"DELETE FROM ls_request WHERE activity_id = ?", "DELETE FROM activity WHERE id = ?"}) {
    auto statement = database_.prepare(statement_text);
    if (!statement) return tl::unexpected(statement.error());
    for (const Activity& row : rows)
      if (auto done = statement->bind(row.id).run(); !done) return tl::unexpected(done.error());
  }
  if (auto done = sums.write(database_); !done) return tl::unexpected(done.error());
  return static_cast<std::int64_t>(rows.size());
}

util::Result<std::int64_t> Storage::trim_rows(std::string_view which, std::int64_t argument) {
  auto transaction = Transaction::begin(database_, Transaction::Kind::write);
  if (!transaction) return tl::unexpected(transaction.error());
  const auto removed = remove(which, argument);
  if (!removed) return removed;
  if (auto done = transaction->commit(); !done) return tl::unexpected(done.error());
  return removed;
}

util::Result<bool> Storage::trim(std::chrono::sys_seconds now) {
  if (auto done = complete(); !done) return tl::unexpected(done.error());
  bool more = false;
  if (retention_.max_age.count() > 0) {
    const auto oldest = (now - retention_.max_age).time_since_epoch().count();
    const auto removed = trim_rows(kTooOld, oldest);
    if (!removed) return tl::unexpected(removed.error());
    more = *removed == kTrimRows;
  }
  const auto rows = excess();
  if (!rows) return tl::unexpected(rows.error());
  if (*rows > 0) {
    const auto removed = trim_rows(kOldest, *rows);
    if (!removed) return tl::unexpected(removed.error());
    // The last row goes, too, where the bound is smaller than an empty database.
    more = more || *removed == kTrimRows;
  }
  const auto size = pages();
  if (!size) return tl::unexpected(size.error());
  // New rows fill what is free; only a lot of it is given back.
  if (size->free > kVacuumPages && size->free > size->all / 8) {
    if (auto done = database_.execute(fmt::format("PRAGMA incremental_vacuum({})", kVacuumPages));
        !done)
      return tl::unexpected(done.error());
    const auto after = pages();
    more = more || (after && after->free < size->free);
  }
  return more;
}

}  // namespace llama_swap::store
