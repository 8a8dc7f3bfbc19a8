#include "server/filters.h"

#include <cassert>

namespace llama_swap::server {
namespace {

JsonEdit edit_of(const std::string& key, std::optional<std::string> value) {
  auto path = util::parse_json_path(key);
  assert(path);  // else the configuration would not have been loaded
  return {std::move(*path), std::move(value), key};
}

void append_sets(std::vector<JsonEdit>& edits, const config::Params& params) {
  for (const auto& [key, value] : params) edits.push_back(edit_of(key, value));
}

}  // namespace

Filters::Filters(const config::Config& config) {
  for (const auto& [id, model] : config.models) add(&model, model.filters);
  for (const auto& [id, peer] : config.peers) add(&peer, peer.filters);
}

void Filters::add(const void* owner, const config::Filters& filters) {
  if (filters.empty()) return;
  Rules& rules = rules_[owner];
  for (const std::string& key : filters.strip_params)
    rules.always.push_back(edit_of(key, std::nullopt));
  append_sets(rules.always, filters.set_params);
  for (const auto& [name, params] : filters.set_params_by_id)
    append_sets(rules.by_name[name], params);
}

std::vector<const JsonEdit*> Filters::find(const Target& target, std::string_view name) const {
  std::vector<const JsonEdit*> out;
  if (rules_.empty() || !target) return out;
  const void* owner = target.peer ? static_cast<const void*>(target.peer->peer) : target.local;
  const auto found = rules_.find(owner);
  if (found == rules_.end()) return out;
  const Rules& rules = found->second;
  for (const JsonEdit& edit : rules.always) out.push_back(&edit);
  if (const auto own = rules.by_name.find(name); own != rules.by_name.end())
    for (const JsonEdit& edit : own->second) out.push_back(&edit);
  return out;
}

const std::string& upstream_name(const Target& target, const ModelRequest& found,
                                 const std::string& name) {
  if (target.peer) return target.peer->model;
  const bool renamed = target.local && !target.local->use_model_name.empty();
  return renamed && !found.spans.empty() ? target.local->use_model_name : name;
}

}  // namespace llama_swap::server
