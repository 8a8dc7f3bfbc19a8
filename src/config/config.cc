#include "config/config.h"

#include <algorithm>

#include "config/names.h"

namespace llama_swap::config {

const Model* Config::find_model(std::string_view name) const {
  const std::string key(name);
  if (const auto model = models.find(key); model != models.end()) return &model->second;
  const auto alias = aliases.find(key);
  if (alias == aliases.end()) return nullptr;
  const auto model = models.find(alias->second);
  return model == models.end() ? nullptr : &model->second;
}

Resolved resolve(const Config& config, std::string_view name) {
  if (const Model* model = config.find_model(name)) return {model, nullptr, {}};
  Resolved bare;
  int offers = 0;
  for (const auto& [id, peer] : config.peers) {
    const bool prefixed = name.size() > id.size() && name.starts_with(id) && name[id.size()] == '/';
    for (const std::string& model : peer.models) {
      if (prefixed && name.substr(id.size() + 1) == model) return {nullptr, &peer, model};
      if (name != model) continue;
      bare = {nullptr, &peer, model};
      ++offers;
    }
  }
  return offers == 1 ? bare : Resolved();
}

}  // namespace llama_swap::config
