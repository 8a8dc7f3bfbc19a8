#include "sched/policy.h"

#include <utility>

namespace llama_swap::sched {

GroupPolicy::GroupPolicy(std::vector<Group> groups) : groups_(std::move(groups)) {
  const std::size_t none = groups_.size();
  groups_.emplace_back();
  for (std::size_t g = 0; g < none; ++g) {
    for (ModelId member : groups_[g].members) {
      if (member >= group_of_.size()) group_of_.resize(member + 1, none);
      group_of_[member] = g;
    }
  }
}

const Group& GroupPolicy::group_of(ModelId model) const {
  return model < group_of_.size() ? groups_[group_of_[model]] : groups_.back();
}

Models GroupPolicy::evictions(ModelId target, const Models& running) const {
  const Group& own = group_of(target);
  Models out;
  for (ModelId model : running) {
    if (model == target) continue;
    const Group& other = group_of(model);
    const bool displaced = &other == &own ? own.swap : own.exclusive && !other.persistent;
    if (displaced) out.push_back(model);
  }
  return out;
}

}  // namespace llama_swap::sched
