// What a new configuration means for each model, so that a reload touches only what it must.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/config.h"

namespace llama_swap::config {

enum class Change {
  unchanged,
  policy,  // a running instance lives on under the new settings (ttl, limits, names, timeouts, …)
  launch,  // it must be stopped, and started anew: a launch key changed
  added,   //
  removed,
};

struct Diff {
  std::map<std::string, Change> models;  // every model of either configuration

  Change of(const std::string& model) const { return models.at(model); }
};

Diff diff(const Config& before, const Config& after);

// Whether it is a key of a model (models.<id>.KEY) whose change means Change::launch: cmd, cmdStop,
// env, proxy, checkEndpoint, stopScope.
bool is_launch_key(std::string_view key);

// "unchanged", "policy changed", "launch settings changed", "added", "removed": for logs.
std::string_view to_string(Change change);

}  // namespace llama_swap::config
