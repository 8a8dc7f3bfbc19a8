#include "store/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/read.h"
#include "store/schema.h"

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

constexpr std::string_view kInsertRequest = R"(
INSERT OR REPLACE INTO ls_request (activity_id, started_ms, queue_ms, load_ms, first_byte_ms, prefill_ms,
  decode_ms, key, client, session, swap_caused, bytes_in, bytes_out, ending, prompt_tokens)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))";

constexpr std::string_view kInsertActivity = R"(
INSERT INTO activity (id, ts_created, model_id, req_path, resp_content_type, resp_status_code,
  cache_tokens, draft_tokens, draft_acc_tokens, input_tokens, output_tokens, prompt_per_second,
  tokens_per_second, duration_ms, error_msg, metadata_json)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))";

std::optional<std::int64_t> count(const std::optional<util::milliseconds>& duration) {
  if (!duration) return std::nullopt;
  return duration->count();
}

}  // namespace

Storage::Storage(std::string path, Retention retention)
    : path_(std::move(path)), retention_(retention) {}

util::Result<std::int64_t> Storage::open() {
  if (!database_.is_open()) {
    auto opened = database_.open(path_, kBusy);
    if (opened) opened = adopt(database_, path_.empty());
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

// What we add comes first: the trigger on `activity` looks for it.
util::Result<> Storage::insert(const Activity& row) {
  auto request = database_.prepare(kInsertRequest);
  if (!request) return tl::unexpected(request.error());
  std::optional<std::int64_t> started;
  if (row.started) started = row.started->time_since_epoch().count();
  request->bind(row.id)
      .bind(started)
      .bind(count(row.phases.queue))
      .bind(count(row.phases.load))
      .bind(count(row.phases.first_byte))
      .bind(count(row.phases.prefill))
      .bind(count(row.phases.decode))
      .bind(std::string_view(row.key))
      .bind(std::string_view(row.client))
      .bind(std::string_view(row.session))
      .bind(std::int64_t{row.swap_caused})
      .bind(row.bytes_in)
      .bind(row.bytes_out)
      .bind(static_cast<std::int64_t>(row.ending))
      .bind(row.prompt_tokens);
  if (auto done = request->run(); !done) return done;
  auto activity = database_.prepare(kInsertActivity);
  if (!activity) return tl::unexpected(activity.error());
  const Tokens& tokens = row.tokens;
  activity->bind(row.id)
      .bind(std::int64_t{row.ended.time_since_epoch().count()})
      .bind(std::string_view(row.model))
      .bind(std::string_view(row.path))
      .bind(std::string_view(row.content_type))
      .bind(std::int64_t{row.status})
      .bind(tokens.cached)
      .bind(tokens.drafted)
      .bind(tokens.draft_accepted)
      .bind(tokens.input)
      .bind(tokens.output)
      .bind(tokens.prompt_per_second)
      .bind(tokens.output_per_second)
      .bind(std::int64_t{row.duration.count()})
      .bind(std::string_view(row.error))
      .bind(std::string_view(row.metadata_json));
  return activity->run();
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
  for (const Activity& row : rows)
    if (auto done = insert(row); !done) return done;
  if (path_.empty() && retention_.max_rows > 0) {
    auto old = database_.prepare("DELETE FROM activity WHERE id <= ?");
    if (!old) return tl::unexpected(old.error());
    if (auto done = old->bind(rows.back().id - retention_.max_rows).run(); !done) return done;
  }
  return transaction->commit();
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
  auto statement = database_.prepare(
      fmt::format("DELETE FROM activity WHERE id IN (SELECT id FROM activity {})", which));
  if (!statement) return tl::unexpected(statement.error());
  if (auto done = statement->bind(argument).run(); !done) return tl::unexpected(done.error());
  return database_.integer("SELECT changes()");
}

util::Result<bool> Storage::trim(std::chrono::sys_seconds now) {
  if (auto done = complete(); !done) return tl::unexpected(done.error());
  bool more = false;
  if (retention_.max_age.count() > 0) {
    const auto oldest = (now - retention_.max_age).time_since_epoch().count();
    const auto removed = remove(kTooOld, oldest);
    if (!removed) return tl::unexpected(removed.error());
    more = *removed == kTrimRows;
  }
  const auto rows = excess();
  if (!rows) return tl::unexpected(rows.error());
  if (*rows > 0) {
    const auto removed = remove("ORDER BY id LIMIT ?", *rows);
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
