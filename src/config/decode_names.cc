// Names of models: aliases, preload, and the names of peer models beside them (5.1, 5.3, 6).
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/decode.h"
#include "config/names.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

// The names given in `aliases`. Returns all of them, those equal to a model id included, with their
// owner.
std::map<std::string, std::string> explicit_aliases(const std::vector<Placed<Reader>>& models) {
  std::map<std::string, std::string> owners;
  for (const auto& model : models) {
    for (const auto& alias : model.value.placed_strings("aliases")) {
      const auto [first, is_new] = owners.emplace(alias.value, model.name);
      if (is_new) continue;
      model.value.error_at(alias.at, "aliases",
                           fmt::format("duplicate alias {}: already an alias of model {}",
                                       in_quotes(alias.value), first->second));
    }
  }
  return owners;
}

// Each name in setParamsByID becomes an alias of its model.
void automatic_aliases(const Reader& body, Model& model, const Config& config,
                       std::map<std::string, std::string>& owners) {
  std::vector<std::string> added;
  for (const auto& params : body.section("filters").value_maps("setParamsByID")) {
    const std::string& name = params.name;
    if (name == model.id) continue;
    const auto owner = owners.find(name);
    if (config.models.contains(name)) {
      body.error_at(
          params.name_at, "filters.setParamsByID",
          fmt::format("model {}: {} is the ID of another model", model.id, in_quotes(name)));
    } else if (owner == owners.end()) {
      owners.emplace(name, model.id);
      added.push_back(name);
    } else if (owner->second != model.id) {
      body.error_at(params.name_at, "filters.setParamsByID",
                    fmt::format("model {}: duplicate alias {}: already an alias of model {}",
                                model.id, in_quotes(name), owner->second));
    }
  }
  std::ranges::sort(added);
  std::ranges::move(added, std::back_inserter(model.aliases));
}

// What else has this name; empty: nothing.
std::string other_use(const Config& config, const std::string& name) {
  if (config.models.contains(name)) return "a model ID";
  if (config.aliases.contains(name)) return "an alias";
  if (config.selectors.contains(name)) return "a selector";
  for (const auto& [id, profile] : config.profiles)
    for (const auto& [pin, target] : profile.pins)
      if (pin == name) return fmt::format("a pin of profile {}", in_quotes(id));
  return {};
}

// A bare name that two peers offer means neither, unless something else has that name.
void warn_of_ambiguous_names(const std::vector<Placed<Reader>>& peers, const Config& config) {
  std::map<std::string, std::string> offered_by;  // bare name -> first peer
  for (const auto& peer : peers) {
    for (const auto& model : peer.value.placed_strings("models")) {
      const auto [first, is_new] = offered_by.emplace(model.value, peer.name);
      if (is_new || first->second == peer.name || config.selectors.contains(model.value) ||
          resolve(config, model.value))
        continue;
      peer.value.warn_at(
          model.at, "models",
          fmt::format("{} is also offered by peer {}, so the name alone means neither: use {}/{} "
                      "or {}/{}",
                      in_quotes(model.value), in_quotes(first->second), first->second, model.value,
                      peer.name, model.value));
    }
  }
}

}  // namespace

void read_aliases(const Reader& root, Config& config) {
  const auto models = root.sections("models");
  std::map<std::string, std::string> owners = explicit_aliases(models);
  std::map<std::string, const Reader*>
      bodies;  // in order of ids, which decides who gets an automatic alias
  for (const auto& model : models) bodies.emplace(model.name, &model.value);
  for (const auto& [id, body] : bodies)
    automatic_aliases(*body, config.models.at(id), config, owners);
  // A model id wins over an alias of the same name.
  std::erase_if(owners, [&](const auto& alias) { return config.models.contains(alias.first); });
  config.aliases = std::move(owners);
}

void read_preload(const Reader& root, Config& config) {
  for (const std::string& name : root.section("hooks").section("on_startup").strings("preload"))
    if (const Model* model = config.find_model(util::trim(name)))
      config.preload.push_back(model->id);
}

void check_peer_names(const Reader& root, const Config& config) {
  std::map<std::string, std::pair<std::string, std::string>> origins;  // full name -> peer, model
  const auto peers = root.sections("peers");
  warn_of_ambiguous_names(peers, config);
  for (const auto& entry : peers) {
    for (const std::string& model : config.peers.at(entry.name).models) {
      const std::string full = fmt::format("{}/{}", entry.name, model);
      const auto [first, is_new] = origins.emplace(full, std::pair(entry.name, model));
      if (!is_new) {
        entry.value.error_at(
            entry.name_at, "",
            fmt::format("{} is both model {} of peer {} and model {} of peer {}", in_quotes(full),
                        in_quotes(first->second.second), in_quotes(first->second.first),
                        in_quotes(model), in_quotes(entry.name)));
      } else if (const std::string use = other_use(config, full); !use.empty()) {
        entry.value.error_at(
            entry.name_at, "",
            fmt::format("the peer model name {} is {}, too", in_quotes(full), use));
      }
    }
  }
}

}  // namespace llama_swap::config
