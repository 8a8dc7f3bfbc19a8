#include "sched/matrix_policy.h"

#include <utility>
#include <vector>

namespace llama_swap::sched {
namespace {

constexpr std::size_t kMaxKnown = 256;

}  // namespace

MatrixPolicy::MatrixPolicy(matrix::Sets sets, Costs costs)
    : sets_(std::move(sets)), costs_(std::move(costs)) {}

Models MatrixPolicy::evictions(ModelId target, const Models& running) const {
  return solve(target, running).evicted;
}

std::optional<Explanation> MatrixPolicy::explain(ModelId target, const Models& running) const {
  const matrix::Solution& solution = solve(target, running);
  Explanation out;
  if (solution.set) {
    out.set = sets_.name(*solution.set);
    out.expression = sets_.expression(*solution.set);
  }
  out.evicted = solution.evicted;
  out.combination = solution.combination;
  out.cost = solution.cost;
  out.exact = solution.exact;
  return out;
}

const matrix::Solution& MatrixPolicy::solve(ModelId target, const Models& running) const {
  std::pair question(target, running);
  if (const auto known = known_.find(question); known != known_.end()) return known->second;
  std::vector<matrix::Running> priced;
  for (ModelId model : running) {
    const auto cost = costs_.find(model);
    priced.push_back({model, cost == costs_.end() ? 1 : cost->second});
  }
  if (known_.size() >= kMaxKnown) known_.clear();
  matrix::Solution solution = matrix::solve(sets_, target, priced);
  return known_.emplace(std::move(question), std::move(solution)).first->second;
}

}  // namespace llama_swap::sched
