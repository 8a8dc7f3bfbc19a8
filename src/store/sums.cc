#include "store/sums.h"

#include <algorithm>
#include <cmath>

#include "store/schema.h"

namespace llama_swap::store {
namespace {

constexpr std::string_view kAddDay = R"(
INSERT INTO ls_day VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, model_id, req_path, status_class, failed, key) DO UPDATE SET
  requests = requests + excluded.requests,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cache_tokens = cache_tokens + excluded.cache_tokens,
  prompt_tokens = prompt_tokens + excluded.prompt_tokens,
  bytes_in = bytes_in + excluded.bytes_in,
  bytes_out = bytes_out + excluded.bytes_out,
  duration_ms = duration_ms + excluded.duration_ms,
  min_id = min(min_id, excluded.min_id),
  max_id = max(max_id, excluded.max_id))";
constexpr std::string_view kDropDay = "DELETE FROM ls_day WHERE day = ? AND requests <= 0";

constexpr std::string_view kAddSpeed = R"(
INSERT INTO ls_speed VALUES (?, ?, ?, ?)
ON CONFLICT (kind, bucket, model_id) DO UPDATE SET requests = requests + excluded.requests)";
constexpr std::string_view kDropSpeed =
    "DELETE FROM ls_speed WHERE kind = ? AND bucket = ? AND requests <= 0";

// Wraps around, so that what was added can be taken away again whatever the values.
std::int64_t sum(std::int64_t total, std::int64_t sign, std::int64_t value) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(total) +
                                   static_cast<std::uint64_t>(sign) *
                                       static_cast<std::uint64_t>(value));
}

}  // namespace

void Sums::count(const Activity& row, std::int64_t sign) {
  const DayKey key{row.ended.time_since_epoch().count() / 86400,
                   row.model,
                   row.path,
                   row.status / 100,
                   !row.error.empty(),
                   row.key};
  if (last_ == days_.end() || last_->first != key)
    last_ = days_.try_emplace(key, DayChange{{}, row.id, row.id}).first;
  DayChange& change = last_->second;
  const std::array<std::int64_t, 8> values{1,
                                           row.tokens.input,
                                           row.tokens.output,
                                           std::max<std::int64_t>(row.tokens.cached, 0),
                                           row.prompt_tokens.value_or(0),
                                           row.bytes_in,
                                           row.bytes_out,
                                           row.duration.count()};
  for (std::size_t i = 0; i < values.size(); ++i)
    change.sums[i] = sum(change.sums[i], sign, values[i]);
  change.min_id = std::min(change.min_id, row.id);
  change.max_id = std::max(change.max_id, row.id);
  count_speed(0, row.tokens.prompt_per_second, row.model, sign);
  count_speed(1, row.tokens.output_per_second, row.model, sign);
  removes_ = removes_ || sign < 0;
}

// Of ours, what is no number is stored as 0. Others may have stored an infinite one, which the
// triggers have counted.
void Sums::count_speed(std::int64_t kind, double speed, std::string_view model, std::int64_t sign) {
  if (speed > 0 && (sign < 0 || std::isfinite(speed)))
    speeds_[{kind, bucket_of(speed), model}] += sign;
}

util::Result<> Sums::write(Database& database) const {
  if (auto done = write_days(database); !done) return done;
  return write_speeds(database);
}

util::Result<> Sums::write_days(Database& database) const {
  auto add = database.prepare(kAddDay);
  if (!add) return tl::unexpected(add.error());
  for (const auto& [key, change] : days_) {
    add->bind(key.day).bind_view(key.model).bind_view(key.path).bind(key.status_class);
    add->bind(std::int64_t{key.failed}).bind_view(key.key);
    for (const std::int64_t value : change.sums) add->bind(value);
    if (auto done = add->bind(change.min_id).bind(change.max_id).run(); !done) return done;
  }
  if (!removes_) return {};
  auto drop = database.prepare(kDropDay);
  if (!drop) return tl::unexpected(drop.error());
  for (auto day = days_.begin(); day != days_.end();) {
    const std::int64_t number = day->first.day;
    if (auto done = drop->bind(number).run(); !done) return done;
    while (day != days_.end() && day->first.day == number) ++day;
  }
  return {};
}

util::Result<> Sums::write_speeds(Database& database) const {
  auto add = database.prepare(kAddSpeed);
  if (!add) return tl::unexpected(add.error());
  auto drop = database.prepare(kDropSpeed);
  if (!drop) return tl::unexpected(drop.error());
  for (const auto& [key, requests] : speeds_) {
    if (requests == 0) continue;
    add->bind(key.kind).bind(key.bucket).bind_view(key.model).bind(requests);
    if (auto done = add->run(); !done) return done;
    if (requests > 0) continue;
    if (auto done = drop->bind(key.kind).bind(key.bucket).run(); !done) return done;
  }
  return {};
}

}  // namespace llama_swap::store
