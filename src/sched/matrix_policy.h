// The matrix as a policy: models may live together as the sets of the configuration say.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "matrix/sets.h"
#include "matrix/solver.h"
#include "sched/policy.h"

namespace llama_swap::sched {

// Spec runtime 9. The numbers of models in `sets` are their ModelIds. Not to be used by several
// threads at a time.
class MatrixPolicy final : public Policy {
 public:
  using Costs = std::unordered_map<ModelId, std::int64_t>;  // positive; 1 for those not in there

  MatrixPolicy(matrix::Sets sets, Costs costs);
  std::string_view name() const override { return "matrix"; }
  Models evictions(ModelId target, const Models& running) const override;
  std::optional<Explanation> explain(ModelId target, const Models& running) const override;

 private:
  const matrix::Solution& solve(ModelId target, const Models& running) const;

  const matrix::Sets sets_;
  const Costs costs_;
  // The scheduler asks the same again and again while requests wait. Only a memory: an answer does
  // not depend on it.
  mutable std::map<std::pair<ModelId, Models>, matrix::Solution> known_;
};

}  // namespace llama_swap::sched
