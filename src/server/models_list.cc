#include "server/models_list.h"

#include <algorithm>

#include "util/text.h"

namespace llama_swap::server {
namespace {

using config::Capabilities;
using swap::State;

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Only the flags that are true.
Json capability_flags(const Capabilities& c) {
  Json flags = Json::object();
  const auto set = [&](const char* name, bool value) {
    if (value) flags[name] = true;
  };
  set("vision", has(c.in, "image"));
  if (!c.in.empty() && !c.out.empty()) {
    set("audio_transcriptions", has(c.in, "audio") && has(c.out, "text"));
    set("audio_speech", has(c.in, "text") && has(c.out, "audio"));
    set("image_generation", has(c.in, "text") && has(c.out, "image"));
    set("image_to_image", has(c.in, "image") && has(c.out, "image"));
  }
  set("function_calling", c.tools);
  set("reranker", c.reranker);
  return flags;
}

void add_capabilities(Json& record, const Capabilities& c) {
  if (!c.in.empty() || !c.out.empty()) {
    Json architecture = Json::object();
    if (!c.in.empty()) architecture["input_modalities"] = c.in;
    if (!c.out.empty()) architecture["output_modalities"] = c.out;
    if (!c.in.empty() && !c.out.empty())
      architecture["modality"] = util::join(c.in, "+") + "->" + util::join(c.out, "+");
    record["architecture"] = std::move(architecture);
  }
  Json flags = capability_flags(c);
  if (!flags.empty()) record["capabilities"] = std::move(flags);
  if (c.tools) record["supported_parameters"] = {"tools", "tool_choice"};
  if (c.context > 0) record["context_length"] = c.context;
}

// What a record is made of; the rest is the same for all kinds.
struct Entry {
  std::string id;
  std::string name, description;
  const Capabilities* capabilities = nullptr;
  const std::optional<config::Json>* metadata = nullptr;
  Json internal;  // keys of meta.llamaswap that are ours
  bool loaded = false;
};

Json record(const Entry& entry, std::int64_t now) {
  Json out{{"id", entry.id}, {"object", "model"}, {"created", now}, {"owned_by", "llama-swap"}};
  const std::string name(util::trim(entry.name)), description(util::trim(entry.description));
  if (!name.empty()) out["name"] = name;
  if (!description.empty()) out["description"] = description;
  Json meta = entry.metadata && *entry.metadata ? **entry.metadata : Json::object();
  Json context;
  if (entry.capabilities && entry.capabilities->any()) {
    add_capabilities(out, *entry.capabilities);
    for (const char* key :
         {"architecture", "capabilities", "supported_parameters", "context_length"})
      meta.erase(key);
    if (entry.capabilities->context > 0) context = entry.capabilities->context;
  }
  for (const auto& [key, value] : entry.internal.items()) meta[key] = value;
  out["meta"] = {{"llamaswap", std::move(meta)}};
  if (!context.is_null()) out["meta"]["n_ctx"] = std::move(context);
  out["status"] = {{"value", entry.loaded ? "loaded" : "unloaded"}};
  return out;
}

// Those that the caller may use. A pin has one, whatever the list says: without that, none.
std::vector<std::string> visible_targets(const config::Selector& selector,
                                         const Directory& directory, const Caller& caller) {
  if (caller.may_use_all()) return selector.targets;
  std::vector<std::string> out;
  for (const std::string& target : selector.targets) {
    if (directory.find(target, caller)) {
      out.push_back(target);
    } else if (selector.strategy == config::Strategy::pin && out.empty()) {
      break;
    }
  }
  return out;
}

bool is_loaded(const config::Selector& selector, const std::vector<std::string>& targets,
               const Directory& directory, const StateOf& state_of) {
  for (const std::string& target : targets) {
    const config::Model* model = directory.find(target).local;
    const State state = model ? state_of(model->id) : State::stopped;
    if (state == State::ready || state == State::starting) return true;
    if (selector.strategy == config::Strategy::pin) return false;
  }
  return false;
}

std::string_view strategy_text(config::Strategy strategy) {
  switch (strategy) {
    case config::Strategy::warm:
      return "warm";
    case config::Strategy::pin:
      return "pin";
    case config::Strategy::spillover:
      return "spillover";
  }
  return "";
}

void add_local(std::vector<Entry>& entries, const config::Config& config,
               const config::Model& model, const StateOf& state_of) {
  Entry entry;
  entry.id = model.id;
  entry.name = model.name;
  entry.description = model.description;
  entry.capabilities = &model.capabilities;
  entry.metadata = &model.metadata;
  entry.loaded = state_of(model.id) != State::stopped;
  Entry alias = entry;
  entry.internal = {{"type", "model"}};
  if (!model.aliases.empty()) entry.internal["aliases"] = model.aliases;
  entries.push_back(std::move(entry));
  if (!config.include_aliases_in_list) return;
  alias.internal = {{"type", "alias"}, {"modelID", model.id}};
  for (const std::string& name : model.aliases) {
    alias.id = util::trim(name);
    if (!alias.id.empty()) entries.push_back(alias);
  }
}

void add_selector(std::vector<Entry>& entries, const config::Selector& selector,
                  const std::vector<std::string>& targets, const Directory& directory,
                  const StateOf& state_of) {
  Entry entry;
  entry.id = selector.id;
  entry.name = selector.name;
  entry.description = selector.description;
  entry.metadata = &selector.metadata;
  entry.loaded = is_loaded(selector, targets, directory, state_of);
  entry.internal = {
      {"type", "selector"}, {"strategy", strategy_text(selector.strategy)}, {"targets", targets}};
  if (selector.strategy == config::Strategy::spillover)
    entry.internal["spillover"] = selector.spillover;
  entries.push_back(std::move(entry));
}

// Does the name lead to anything that the caller may use?
bool is_visible(const config::Config& config, const Directory& directory, const std::string& name,
                const Caller& caller) {
  const auto selector = config.selectors.find(name);
  if (selector == config.selectors.end()) return bool(directory.find(name, caller));
  const auto targets = visible_targets(selector->second, directory, caller);
  return std::ranges::any_of(
      targets, [&](const std::string& target) { return bool(directory.find(target, caller)); });
}

}  // namespace

Json models_list(const config::Config& config, const Directory& directory, const StateOf& state_of,
                 const config::Profile* active, std::int64_t now, const Caller& caller) {
  std::vector<Entry> entries;
  for (const auto& [id, model] : config.models)
    if (!model.unlisted && caller.may_use(id)) add_local(entries, config, model, state_of);
  for (const auto& [peer_id, peer] : config.peers) {
    for (const std::string& model : peer.models) {
      Entry entry;
      entry.id = peer_id + "/" + model;
      if (!caller.may_use(entry.id)) continue;
      entry.name = peer_id + ": " + model;
      entry.internal = {{"type", "peer"}, {"peerID", peer_id}};
      entries.push_back(std::move(entry));
    }
  }
  for (const auto& [id, selector] : config.selectors)
    if (!selector.unlisted && is_visible(config, directory, id, caller))
      add_selector(entries, selector, visible_targets(selector, directory, caller), directory,
                   state_of);
  if (active) {
    for (const auto& [name, target] : active->pins) {
      if (target.empty() || directory.find(name) || config.selectors.contains(name)) continue;
      if (!is_visible(config, directory, target, caller)) continue;
      Entry entry;
      entry.id = name;
      entry.internal = {{"type", "profile"}};
      entries.push_back(std::move(entry));
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.id < b.id; });
  Json data = Json::array();
  for (const Entry& entry : entries) data.push_back(record(entry, now));
  return {{"object", "list"}, {"data", std::move(data)}};
}

Json model_status(const config::Config& config, const StateOf& state_of) {
  Json list = Json::array();
  for (const auto& [id, model] : config.models) {
    Json item{{"id", id},
              {"name", model.name},
              {"description", model.description},
              {"state", swap::state_text(state_of(id))},
              {"unlisted", model.unlisted},
              {"peerID", ""}};
    if (!model.aliases.empty()) item["aliases"] = model.aliases;
    Json flags = capability_flags(model.capabilities);
    if (!flags.empty()) item["capabilities"] = std::move(flags);
    if (model.capabilities.context > 0) item["context_length"] = model.capabilities.context;
    list.push_back(std::move(item));
  }
  for (const auto& [peer_id, peer] : config.peers) {
    for (const std::string& model : peer.models) {
      list.push_back({{"id", peer_id + "/" + model},
                      {"name", ""},
                      {"description", ""},
                      {"state", ""},
                      {"unlisted", false},
                      {"peerID", peer_id}});
    }
  }
  return list;
}

Json running_list(const config::Config& config, const StateOf& state_of, const Caller& caller) {
  Json list = Json::array();
  for (const auto& [id, model] : config.models) {
    const State state = state_of(id);
    if (state == State::stopped || !caller.may_use(id)) continue;
    list.push_back({{"model", id},
                    {"state", swap::state_text(state)},
                    {"cmd", model.cmd},
                    {"proxy", model.proxy},
                    {"ttl", model.ttl.count()},
                    {"name", model.name},
                    {"description", model.description}});
  }
  return {{"running", std::move(list)}};
}

}  // namespace llama_swap::server
