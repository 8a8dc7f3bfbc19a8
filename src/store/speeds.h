// The positive speeds in a database as sorted values, without sorting or walking over them:
// ls_speed says how many are in each narrow range, and an index has those of one range in order.
#pragma once

#include <string>
#include <vector>

#include "store/database.h"
#include "store/histogram.h"

namespace llama_swap::store {

enum class Speed { prompt = 0, generation = 1 };  // as stored in ls_speed

// The database must outlive it, and not change meanwhile (a transaction).
class Speeds : public SortedValues {
 public:
  // Of these models together; empty: of all.
  static util::Result<Speeds> of(Database& database, Speed kind,
                                 const std::vector<std::string>& models);

  std::int64_t count() const override { return count_; }
  util::Result<double> nth(std::int64_t rank) override;
  util::Result<std::int64_t> count_below(double value) override;

 private:
  struct Bucket {
    std::int64_t number;
    std::int64_t before;  // values in the buckets below
    std::int64_t count;
  };
  Speeds(Database& database, Speed kind, std::vector<std::string> models)
      : database_(&database), kind_(kind), models_(std::move(models)) {}
  util::Result<Statement> ask(std::string_view select, const Bucket& bucket, double ceiling,
                              std::string_view rest) const;
  enum class End { low, high };
  util::Result<double> end(const Bucket& bucket, End which) const;

  Database* database_;
  Speed kind_;
  std::vector<std::string> models_;
  std::vector<Bucket> buckets_;  // in order; none empty
  std::int64_t count_ = 0;
};

}  // namespace llama_swap::store
