#include "store/speeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "store/query_sql.h"
#include "store/schema.h"

namespace llama_swap::store {
namespace {

// In a fuller one, its ends are looked at first: should all its values be equal, it need not be
// walked over.
constexpr std::int64_t kFull = 1000;

struct Columns {
  const char* speed;
  const char* index;
};

Columns columns(Speed kind) {
  return kind == Speed::prompt ? Columns{"prompt_per_second", "ls_activity_prompt"}
                               : Columns{"tokens_per_second", "ls_activity_generation"};
}

// The bounds as parameters. What is 0 is not positive; SQL has no infinity, and no speed is beyond.
double positive_floor(std::int64_t bucket) {
  return std::max(bucket_floor(bucket), std::numeric_limits<double>::denorm_min());
}
double finite_ceiling(std::int64_t bucket) {
  return std::min(bucket_ceiling(bucket), std::numeric_limits<double>::max());
}

// "AND model_id IN (?, ?)", or nothing for all models.
std::string and_of(const std::vector<std::string>& models) {
  return models.empty() ? "" : "AND model_id " + in_list(models.size());
}

void bind_all(Statement& statement, const std::vector<std::string>& models) {
  for (const std::string& model : models) statement.bind(std::string_view(model));
}

}  // namespace

util::Result<Speeds> Speeds::of(Database& database, Speed kind,
                                const std::vector<std::string>& models) {
  auto statement =
      database.prepare(fmt::format("SELECT bucket, sum(requests) FROM ls_speed WHERE kind = ? {} "
                                   "GROUP BY bucket ORDER BY bucket",
                                   and_of(models)));
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(static_cast<std::int64_t>(kind));
  bind_all(*statement, models);
  Speeds out(database, kind, models);
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return out;
    out.buckets_.push_back({statement->integer(0), out.count_, statement->integer(1)});
    out.count_ += statement->integer(1);
  }
}

// `select` over the values of the bucket that are below `ceiling`.
util::Result<Statement> Speeds::ask(std::string_view select, const Bucket& bucket, double ceiling,
                                    std::string_view rest) const {
  const Columns names = columns(kind_);
  const std::string models =
      models_.empty() ? "IN (SELECT model_id FROM ls_speed WHERE kind = ? AND bucket = ?)"
                      : in_list(models_.size());
  auto statement = database_->prepare(fmt::format(
      "SELECT {0} FROM (SELECT {1} AS speed FROM activity INDEXED BY {2} WHERE model_id {3} "
      "AND ({1} > 0) = 1 AND {1} >= ? AND {1} < ?) {4}",
      select, names.speed, names.index, models, rest));
  if (!statement) return statement;
  if (models_.empty()) statement->bind(static_cast<std::int64_t>(kind_)).bind(bucket.number);
  bind_all(*statement, models_);
  statement->bind(positive_floor(bucket.number)).bind(ceiling);
  return statement;
}

// The smallest or largest value of a bucket: one step down the index for each model.
util::Result<double> Speeds::end(const Bucket& bucket, End which) const {
  const Columns names = columns(kind_);
  auto statement = database_->prepare(
      fmt::format("SELECT {0}(speed) FROM (SELECT (SELECT {1} FROM activity INDEXED BY {2} "
                  "WHERE model_id = s.model_id AND ({1} > 0) = 1 AND {1} >= ? AND {1} < ? "
                  "ORDER BY {1} {3} LIMIT 1) "
                  "AS speed FROM ls_speed s WHERE kind = ? AND bucket = ? {4})",
                  which == End::low ? "min" : "max", names.speed, names.index,
                  which == End::low ? "ASC" : "DESC", and_of(models_)));
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(positive_floor(bucket.number)).bind(finite_ceiling(bucket.number));
  statement->bind(static_cast<std::int64_t>(kind_)).bind(bucket.number);
  bind_all(*statement, models_);
  if (const auto row = statement->step(); !row) return tl::unexpected(row.error());
  return statement->real(0);
}

util::Result<double> Speeds::nth(std::int64_t rank) {
  const Bucket& bucket = *std::prev(std::ranges::upper_bound(buckets_, rank, {}, &Bucket::before));
  const std::int64_t offset = rank - bucket.before;
  if (offset == 0) return end(bucket, End::low);
  const auto high = end(bucket, End::high);
  if (!high || offset == bucket.count - 1) return high;
  if (bucket.count >= kFull) {
    const auto low = end(bucket, End::low);
    if (!low || *low == *high) return low;
  }
  auto statement =
      ask("speed", bucket, finite_ceiling(bucket.number), "ORDER BY speed LIMIT 1 OFFSET ?");
  if (!statement) return tl::unexpected(statement.error());
  if (const auto row = statement->bind(offset).step(); !row) return tl::unexpected(row.error());
  return statement->real(0);
}

util::Result<std::int64_t> Speeds::count_below(double value) {
  const auto next = std::ranges::upper_bound(
      buckets_, value, {}, [](const Bucket& bucket) { return bucket_floor(bucket.number); });
  if (next == buckets_.begin()) return 0;
  const Bucket& bucket = *std::prev(next);
  if (value >= bucket_ceiling(bucket.number)) return bucket.before + bucket.count;
  if (bucket.count >= kFull) {
    const auto low = end(bucket, End::low);
    if (!low) return tl::unexpected(low.error());
    if (value <= *low) return bucket.before;
    const auto high = end(bucket, End::high);
    if (!high) return tl::unexpected(high.error());
    if (value > *high) return bucket.before + bucket.count;
  }
  auto statement = ask("count(*)", bucket, value, "");
  if (!statement) return tl::unexpected(statement.error());
  if (const auto row = statement->step(); !row) return tl::unexpected(row.error());
  return bucket.before + statement->integer(0);
}

}  // namespace llama_swap::store
