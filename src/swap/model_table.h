// Names and numbers of models, and what the scheduler needs to know of a configuration.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "sched/scheduler.h"

namespace llama_swap::swap {

// A model keeps its number for the life of the table, even while it is not configured: something of
// it may still run.
class ModelTable {
 public:
  static constexpr sched::ModelId kUnknown = static_cast<sched::ModelId>(-1);

  explicit ModelTable(config::ConfigPtr config) { use(std::move(config)); }
  void use(config::ConfigPtr config);

  const config::ConfigPtr& config() const { return config_; }
  std::size_t size() const { return names_.size(); }
  const std::string& name(sched::ModelId id) const { return names_[id]; }
  // kUnknown for a name that was never configured.
  sched::ModelId find(const std::string& name) const;
  // Null: not configured at present.
  const config::Model* model(sched::ModelId id) const;
  std::vector<std::string> names(const sched::Models& ids) const;

  sched::Settings settings() const;

 private:
  std::shared_ptr<const sched::Policy> group_policy() const;
  std::shared_ptr<const sched::Policy> matrix_policy() const;

  config::ConfigPtr config_;
  std::vector<std::string> names_;  // by ModelId
  std::unordered_map<std::string, sched::ModelId> ids_;
};

}  // namespace llama_swap::swap
