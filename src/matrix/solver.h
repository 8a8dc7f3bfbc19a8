// What must go so that a model may run, given which may run together (spec config 8.3, runtime 9).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "matrix/sets.h"

namespace llama_swap::matrix {

struct Running {
  Model model = 0;
  std::int64_t cost = 1;  // of stopping it; positive
};

struct Solution {
  std::vector<Model> evicted;      // in the order of the running ones
  std::vector<Model> combination;  // what was chosen; sorted
  std::optional<std::size_t> set;  // that it is from; nothing: no set holds it
  std::int64_t cost = 0;           // of all evicted together (the largest number, if it is more)
  // False: the search was cut short. What was found is a combination that holds the target, so all
  // is well but for this: there may be a cheaper one, or an earlier one of the same cost.
  bool exact = true;
  bool operator==(const Solution&) const = default;
};

// The combination that holds `target` and stops the least; of several the first. If there is none,
// the target runs alone, everything is evicted, and that counts as no cost. If the target is among
// those running, nothing is evicted, and the set is the first that can hold all that run, if any.
// `running` has no model twice.
//
// The time it takes depends on what cannot be decided separately. Factors of an `&` that have no
// model in common, of those concerned, are: products of any size are never expanded. Where many
// factors share models, the problem is hard by nature (maximum coverage), and the search ends after
// a fixed amount of work, some 50 ms; the same question has the same answer, always.
Solution solve(const Sets& sets, Model target, std::span<const Running> running);

// Whether some combination holds all of `models`. (False also if the search was cut short.)
bool can_run_together(const Sets& sets, std::span<const Model> models);

}  // namespace llama_swap::matrix
