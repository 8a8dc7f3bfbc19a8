#include "swap/model_table.h"

#include <algorithm>
#include <utility>

#include "config/matrix_sets.h"
#include "sched/matrix_policy.h"
#include "sched/policy.h"

namespace llama_swap::swap {

void ModelTable::use(config::ConfigPtr config) {
  config_ = std::move(config);
  for (const auto& [name, model] : config_->models) {
    if (ids_.try_emplace(name, static_cast<sched::ModelId>(names_.size())).second) {
      names_.push_back(name);
    }
  }
}

sched::ModelId ModelTable::find(const std::string& name) const {
  const auto it = ids_.find(name);
  return it == ids_.end() ? kUnknown : it->second;
}

const config::Model* ModelTable::model(sched::ModelId id) const {
  const auto it = config_->models.find(names_[id]);
  return it == config_->models.end() ? nullptr : &it->second;
}

std::vector<std::string> ModelTable::names(const sched::Models& ids) const {
  std::vector<std::string> out;
  for (sched::ModelId id : ids) out.push_back(names_[id]);
  return out;
}

sched::Settings ModelTable::settings() const {
  sched::Settings out;
  for (sched::ModelId id = 0; id < names_.size(); ++id) {
    sched::ModelSettings settings;
    const config::Model* const configured = model(id);
    settings.configured = configured != nullptr;
    if (configured) {
      settings.limit = configured->concurrency_limit;
      settings.ttl = configured->ttl;
    }
    const auto priority = config_->scheduling.priority.find(names_[id]);
    if (priority != config_->scheduling.priority.end()) settings.priority = priority->second;
    out.models.push_back(settings);
  }
  out.policy = config_->matrix ? matrix_policy() : group_policy();
  out.max_wait = config_->scheduling.max_wait;
  out.min_residency = config_->scheduling.min_residency;
  return out;
}

std::shared_ptr<const sched::Policy> ModelTable::group_policy() const {
  std::vector<sched::Group> groups;
  for (const config::Group& group : config_->groups) {
    sched::Group members{group.swap, group.exclusive, group.persistent, {}};
    for (const std::string& name : group.members) {
      const sched::ModelId id = find(name);
      if (id != kUnknown) members.members.push_back(id);
    }
    std::ranges::sort(members.members);
    groups.push_back(std::move(members));
  }
  return std::make_shared<sched::GroupPolicy>(std::move(groups));
}

std::shared_ptr<const sched::Policy> ModelTable::matrix_policy() const {
  const config::Matrix& matrix = *config_->matrix;
  const auto number = [this](const std::string& id) { return find(id); };
  // The configuration was checked when it was loaded.
  auto sets = config::build_sets(matrix, config_->models, number).value();
  sched::MatrixPolicy::Costs costs;
  for (const auto& [id, cost] : matrix.evict_costs) costs.emplace(find(id), cost);
  return std::make_shared<sched::MatrixPolicy>(std::move(sets), std::move(costs));
}

}  // namespace llama_swap::swap
