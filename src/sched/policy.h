// Which models may live with which: the one question in which groups, the matrix and memory budgets
// differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sched/types.h"

namespace llama_swap::sched {

// What was weighed, where there was a choice.
struct Explanation {
  std::string set, expression;  // that the combination is from; empty: none was found
  Models evicted;
  Models combination;     // what may run together from now on
  std::int64_t cost = 0;  // of what is evicted
  bool exact = true;      // false: there were too many combinations to look at all of them
};

class Policy {
 public:
  virtual ~Policy() = default;
  // How the router calls itself in messages to clients and in the log.
  virtual std::string_view name() const = 0;
  // The members of `running` that must be gone before `target` may serve. `running` holds `target`
  // if that is ready; it is never among those that must be gone. Depends on nothing but its
  // arguments. Need not be symmetric. Models it has never heard of (removed by a reload, still
  // draining) count as displaceable.
  virtual Models evictions(ModelId target, const Models& running) const = 0;
  // Why these. Nothing: it follows from the groups, there was no choice.
  virtual std::optional<Explanation> explain(ModelId /*target*/, const Models& /*running*/) const {
    return std::nullopt;
  }
};

struct Group {
  bool swap = true;         // its members displace each other
  bool exclusive = true;    // its members displace those of other groups
  bool persistent = false;  // its members are not displaced by other groups
  Models members;
};

// Spec runtime 8. Each model is in one group at most.
class GroupPolicy final : public Policy {
 public:
  explicit GroupPolicy(std::vector<Group> groups);
  std::string_view name() const override { return "group"; }
  Models evictions(ModelId target, const Models& running) const override;

 private:
  const Group& group_of(ModelId model) const;

  std::vector<Group> groups_;          // the last one stands for "in no group"
  std::vector<std::size_t> group_of_;  // by ModelId; index into groups_
};

}  // namespace llama_swap::sched
