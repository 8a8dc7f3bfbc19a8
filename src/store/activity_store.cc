#include "store/activity_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "store/read.h"

namespace llama_swap::store {
namespace {

constexpr util::milliseconds kBetweenTrims{50};

// In memory, about.
std::size_t size_of(const Activity& row) {
  return sizeof(Activity) + row.model.size() + row.path.size() + row.content_type.size() +
         row.error.size() + row.metadata_json.size() + row.key.size() + row.client.size() +
         row.session.size() + row.request_id.size();
}

}  // namespace

ActivityStore::ActivityStore(net::Loop& loop, StoreOptions options)
    : loop_(loop),
      options_(std::move(options)),
      storage_(std::make_shared<Storage>(options_.path, options_.retention)),
      worker_(loop),
      attempt_timer_(loop),
      trim_timer_(loop) {
  set_retention(options_.retention);
}

// What the worker still does it does not do for long.
ActivityStore::~ActivityStore() {
  storage_->stop();
}

void ActivityStore::log(config::LogLevel level, std::string_view text) const {
  if (options_.log) options_.log(level, fmt::format("activity database: {}", text));
}

net::Awaitable<util::Result<>> ActivityStore::start() {
  co_await attempt();
  if (trims_) trim_in(kBetweenTrims);
  if (!fault_.empty()) co_return util::fail(util::Errc::unavailable, fault_);
  co_return util::Result<>();
}

std::int64_t ActivityStore::record(Activity row) {
  const std::size_t bytes = size_of(row);
  if (max_kept_ > 0 && waiting_.size() >= max_kept_) {
    waiting_bytes_ -= size_of(waiting_.front());
    waiting_.pop_front();
    ++stored_;
    overrun_ = true;
  }
  if (waiting_rows() >= kMaxWaitingRows || waiting_bytes_ + bytes > kMaxWaitingBytes) {
    if (dropped_++ == dropped_told_)
      log(config::LogLevel::error, "too many rows wait to be written, new ones are dropped");
    return 0;
  }
  row.id = next_id_ == 0 ? 0 : next_id_++;
  const std::int64_t id = row.id;
  waiting_.push_back(std::move(row));
  waiting_bytes_ += bytes;
  ++recorded_;
  if (fault_.empty() && next_id_ != 0 && !busy_)
    attempt_in(waiting_.size() >= kBatchRows ? util::milliseconds(0) : interval());
  return id;
}

util::milliseconds ActivityStore::interval() const {
  return hurried_ ? kLongInterval : kInterval;
}

// Does not put off what is planned already.
void ActivityStore::attempt_in(util::milliseconds delay) {
  if (closing_ || (attempt_planned_ && delay.count() > 0)) return;
  attempt_planned_ = true;
  attempt_timer_.expires_after(delay);
  attempt_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !closing_) net::spawn(loop_, attempt());
  });
}

net::Awaitable<void> ActivityStore::attempt() {
  if (busy_) co_return;
  busy_ = true;
  attempt_planned_ = false;
  attempt_timer_.cancel();
  util::Result<> result;
  if (next_id_ == 0) {
    auto opened = co_await open();
    result = std::move(opened);
  } else {
    auto done = co_await write_batch();
    result = std::move(done);
  }
  busy_ = false;
  settle(result);
}

net::Awaitable<util::Result<>> ActivityStore::open() {
  struct Answer {
    util::Result<std::int64_t> highest_id;
    std::int64_t rows_to_count = 0;
  };
  const auto answer = std::make_shared<Answer>();
  std::function<void()> job = [storage = storage_, answer] {
    answer->highest_id = storage->open();
    if (answer->highest_id) answer->rows_to_count = storage->rows_to_count();
  };
  co_await net::run(worker_, std::move(job));
  if (!answer->highest_id) co_return tl::unexpected(answer->highest_id.error());
  next_id_ = *answer->highest_id + 1;
  for (Activity& row : waiting_) row.id = next_id_++;
  if (answer->rows_to_count > 0)
    log(config::LogLevel::info,
        fmt::format("indexing {} rows, once; until then new rows wait", answer->rows_to_count));
  co_return util::Result<>();
}

void ActivityStore::take_batch() {
  batch_ = std::make_shared<std::vector<Activity>>();
  batch_bytes_ = 0;
  hurried_ = std::exchange(overrun_, false);
  const std::size_t count = std::min(waiting_.size(), kBatchRows);
  batch_->reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    batch_bytes_ += size_of(waiting_.front());
    batch_->push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// Without rows it still makes the tables and indexes that are missing.
net::Awaitable<util::Result<>> ActivityStore::write_batch() {
  if (!batch_) take_batch();
  const auto result = std::make_shared<util::Result<>>();
  std::function<void()> job = [storage = storage_, batch = batch_, result] {
    *result = storage->write(*batch);
  };
  co_await net::run(worker_, std::move(job));
  if (*result) written();
  co_return *result;
}

void ActivityStore::written() {
  const auto rows = std::exchange(batch_, nullptr);
  waiting_bytes_ -= batch_bytes_;
  stored_ += rows->size();
  if (rows->empty()) return;
  // Somebody else took ids of ours: those that wait move up as well.
  const std::int64_t next = waiting_.empty() ? next_id_ : waiting_.front().id;
  if (const std::int64_t shift = rows->back().id + 1 - next; shift > 0) {
    for (Activity& row : waiting_) row.id += shift;
    next_id_ += shift;
  }
  if (options_.stored) options_.stored(*rows);
}

void ActivityStore::settle(const util::Result<>& result) {
  const bool first = !std::exchange(tried_, true);
  if (!result) {
    // Once per reason, not once per attempt.
    if (result.error().message != fault_)
      log(config::LogLevel::error,
          fmt::format("{}: {}; rows wait in memory", next_id_ == 0 ? "cannot open" : "cannot write",
                      result.error().message));
    fault_ = result.error().message;
    back_off_ = std::clamp(2 * back_off_, kFirstBackOff, kMaxBackOff);
    attempt_in(back_off_);
    return;
  }
  back_off_ = {};
  if (!fault_.empty() || dropped_ != dropped_told_)
    log(config::LogLevel::warn, fmt::format("works again; {} rows wait, {} were dropped",
                                            waiting_rows(), dropped_ - dropped_told_));
  dropped_told_ = dropped_;
  fault_.clear();
  // Right after opening: for the tables that may be missing.
  if (first || waiting_.size() >= kBatchRows)
    attempt_in(util::milliseconds(0));
  else if (!waiting_.empty())
    attempt_in(interval());
}

net::Awaitable<void> ActivityStore::pass_worker() {
  std::function<void()> nothing = [] {};
  co_await net::run(worker_, std::move(nothing));
}

net::Awaitable<void> ActivityStore::catch_up(std::uint64_t recorded) {
  while (fault_.empty() && (next_id_ == 0 || stored_ < recorded)) {
    if (busy_)
      co_await pass_worker();
    else
      co_await attempt();
  }
}

template <class T>
net::Awaitable<util::Result<T>> ActivityStore::ask(
    std::function<util::Result<T>(Database&)> question) {
  co_await catch_up(recorded_);
  if (closing_) co_return util::fail(util::Errc::cancelled, "the activity database is closed");
  if (next_id_ == 0)
    co_return util::fail(util::Errc::unavailable, "the activity database is not open: " + fault_);
  const auto answer = std::make_shared<util::Result<T>>();
  std::function<void()> job = [storage = storage_, answer, question = std::move(question)] {
    *answer = storage->read<T>(util::Clock::now() + kPatience, question);
  };
  co_await net::run(worker_, std::move(job));
  co_return std::move(*answer);
}

net::Awaitable<util::Result<Page>> ActivityStore::list(Query query) {
  std::function<util::Result<Page>(Database&)> question =
      [query = std::move(query)](Database& database) { return store::list(database, query); };
  return ask<Page>(std::move(question));
}

net::Awaitable<util::Result<Stats>> ActivityStore::stats(std::vector<std::string> models) {
  std::function<util::Result<Stats>(Database&)> question =
      [models = std::move(models)](Database& database) { return store::stats(database, models); };
  return ask<Stats>(std::move(question));
}

net::Awaitable<util::Result<std::vector<Usage>>> ActivityStore::usage(UsageQuery query) {
  std::function<util::Result<std::vector<Usage>>(Database&)> question =
      [query](Database& database) { return store::usage(database, query); };
  return ask<std::vector<Usage>>(std::move(question));
}

StoreHealth ActivityStore::health() const {
  return {tried_ && fault_.empty(), fault_, waiting_rows(), stored_, dropped_};
}

void ActivityStore::set_retention(Retention retention) {
  // In memory the number of rows holds without a look at the table.
  const bool in_memory = options_.path.empty();
  const bool by_rows = retention.max_rows > 0 && !in_memory;
  max_kept_ = in_memory ? static_cast<std::size_t>(retention.max_rows) : 0;
  const bool trims = by_rows || retention.max_age.count() > 0 || retention.max_bytes > 0;
  worker_.post([storage = storage_, retention] { storage->set_retention(retention); });
  trims_ = trims;
  if (tried_) trim_in(kBetweenTrims);
}

void ActivityStore::trim_in(util::milliseconds delay) {
  if (closing_) return;
  trim_timer_.expires_after(delay);
  trim_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !closing_ && trims_) net::spawn(loop_, trim());
  });
}

// Step by step, so that rows and questions come in between.
net::Awaitable<void> ActivityStore::trim() {
  const auto more = std::make_shared<util::Result<bool>>(false);
  if (fault_.empty() && next_id_ != 0) {
    std::function<void()> job = [storage = storage_, more] {
      const auto now = std::chrono::system_clock::now();
      *more = storage->trim(std::chrono::floor<std::chrono::seconds>(now));
    };
    co_await net::run(worker_, std::move(job));
    if (!*more)
      log(config::LogLevel::warn, "old rows could not be deleted: " + more->error().message);
  }
  trim_in(*more && **more ? kBetweenTrims : util::milliseconds(kTrimInterval));
}

net::Awaitable<void> ActivityStore::close(util::milliseconds deadline) {
  closing_ = true;
  attempt_timer_.cancel();
  trim_timer_.cancel();
  Timer limit(loop_, deadline);
  limit.async_wait([storage = storage_](const boost::system::error_code& error) {
    if (!error) storage->stop();
  });
  while (busy_) co_await pass_worker();
  while (waiting_rows() > 0) {
    co_await attempt();
    if (!fault_.empty()) break;
  }
  limit.cancel();
  std::function<void()> job = [storage = storage_] { storage->close(); };
  co_await net::run(worker_, std::move(job));
  if (const std::size_t lost = waiting_rows() + (dropped_ - dropped_told_); lost > 0)
    log(config::LogLevel::error, fmt::format("{} rows could not be written and are lost", lost));
}

Export::Export(ActivityStore& store, Filter filter, Format format, bool descending)
    : store_(store), format_(format) {
  query_.filter = std::move(filter);
  query_.descending = descending;
  query_.limit = kRowsPerPiece;
}

net::Awaitable<util::Result<std::string>> Export::next() {
  std::string text;
  if (!std::exchange(begun_, true)) text = export_header(format_);
  if (ended_) co_return text;
  std::function<util::Result<std::vector<Activity>>(Database&)> question =
      [query = query_](Database& database) { return rows(database, query); };
  auto found = co_await store_.ask<std::vector<Activity>>(std::move(question));
  if (!found) {
    ended_ = true;
    co_return tl::unexpected(found.error());
  }
  for (const Activity& row : *found) append_row(text, format_, row);
  ended_ = static_cast<std::int64_t>(found->size()) < query_.limit;
  if (!ended_) query_.after = found->back().id;
  co_return text;
}

}  // namespace llama_swap::store
